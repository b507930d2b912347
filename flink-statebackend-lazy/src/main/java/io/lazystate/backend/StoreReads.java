package io.lazystate.backend;

import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.Copies;
import io.lazystate.store.CountingReader;
import io.lazystate.store.VerifiedReader;
import java.io.Closeable;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;

/**
 * How one keyed backend reads the store: objects, else their replicas, every request counted.
 *
 * <p>Closed when nothing reads any more.
 */
final class StoreReads implements Closeable {
    private final CountingReader store;
    private final VerifiedReader verified;

    /**
     * @param taskManager its options
     */
    StoreReads(
            Ports ports,
            ReadableConfig taskManager,
            LazySettings settings,
            LoadingMetrics metrics) {
        store = new CountingReader(ports.reader(taskManager, settings.s3()));
        verified = new Copies(store, settings.replicas(), metrics, System::nanoTime);
    }

    /** Requests to the store, not verified. */
    CountingReader store() {
        return store;
    }

    VerifiedReader verified() {
        return verified;
    }

    void registerMetrics(MetricGroup group) {
        group.gauge("gets", (Gauge<Long>) store::requests);
    }

    @Override
    public void close() {
        store.release();
    }
}
