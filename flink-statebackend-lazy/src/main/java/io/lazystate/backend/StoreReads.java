package io.lazystate.backend;

import static io.lazystate.metrics.Gauges.gauge;

import io.lazystate.edge.EdgeCaches;
import io.lazystate.edge.EdgeReader;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.Copies;
import io.lazystate.store.CountingReader;
import io.lazystate.store.VerifiedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.taskmanager.TaskManagerRuntimeInfo;
import org.jspecify.annotations.Nullable;

/**
 * How one keyed backend reads the store: the edge cache, else the object, else its replicas; every
 * request counted.
 *
 * <p>Closed when nothing reads any more.
 */
final class StoreReads implements Closeable {
    private static final String DEFAULT_EDGE_CACHE = "lazy-state-edge-cache";

    private final CountingReader store;
    private final VerifiedReader verified;
    private final EdgeCaches.@Nullable Lease edge;

    StoreReads(
            Ports ports,
            TaskManagerRuntimeInfo taskManager,
            LazySettings settings,
            LoadingMetrics metrics) {
        store =
                new CountingReader(
                        ports.reader(
                                taskManager.getConfiguration(), settings.s3(), metrics.store()));
        Copies copies = new Copies(store, settings.replicas(), metrics, System::nanoTime);
        edge =
                settings.edgeCacheBytes() == 0
                        ? null
                        : EdgeCaches.SHARED.lease(
                                directory(taskManager, settings), settings.edgeCacheBytes());
        verified = edge == null ? copies : new EdgeReader(edge.cache(), copies, metrics);
    }

    private static Path directory(TaskManagerRuntimeInfo taskManager, LazySettings settings) {
        String configured = settings.edgeCacheDirectory();
        return configured == null
                ? taskManager.getTmpWorkingDirectory().toPath().resolve(DEFAULT_EDGE_CACHE)
                : Path.of(configured);
    }

    /** Requests to the store, not verified. */
    CountingReader store() {
        return store;
    }

    VerifiedReader verified() {
        return verified;
    }

    void registerMetrics(MetricGroup group) {
        gauge(group, "gets", store::requests);
        gauge(group, "edgeCacheBytes", () -> edge == null ? 0 : edge.cache().bytes());
    }

    @Override
    public void close() throws IOException {
        store.release();
        if (edge != null) {
            edge.close();
        }
    }
}
