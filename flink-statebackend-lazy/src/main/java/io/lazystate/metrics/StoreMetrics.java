package io.lazystate.metrics;

import static io.lazystate.metrics.Gauges.gauge;

import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.MetricGroup;

/**
 * Counts what the store is asked more than once, for one keyed backend.
 *
 * <p>Backends share connections, but each attempt knows whose read it belongs to. Threads: any.
 */
@Internal
public final class StoreMetrics {
    private final LongAdder retries = new LongAdder();
    private final LongAdder hedges = new LongAdder();
    private final LongAdder hedgesWon = new LongAdder();

    /** Attempts beyond the first, of ranges, files and parts of files. */
    public LongAdder retries() {
        return retries;
    }

    /** Second requests for ranges that were not answered soon. */
    public LongAdder hedges() {
        return hedges;
    }

    /** The part of {@link #hedges} that was answered first. */
    public LongAdder hedgesWon() {
        return hedgesWon;
    }

    void register(MetricGroup group) {
        gauge(group, "storeRetries", retries::sum);
        gauge(group, "storeHedges", hedges::sum);
        gauge(group, "storeHedgesWon", hedgesWon::sum);
    }
}
