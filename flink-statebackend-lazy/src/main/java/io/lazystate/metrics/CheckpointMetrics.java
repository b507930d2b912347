package io.lazystate.metrics;

import static io.lazystate.metrics.Gauges.gauge;

import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.MetricGroup;

/**
 * Counts what the checkpoints of one keyed backend write, and why.
 *
 * <p>Shape: monotonic counters, registered under the names of their methods. Units: rows, runs,
 * extents, or bytes as stored. Threads: any.
 */
@Internal
public final class CheckpointMetrics {
    private final LongAdder checkpointChangedRows = new LongAdder();
    private final LongAdder checkpointDeltaBytes = new LongAdder();
    private final LongAdder checkpointBaseBytes = new LongAdder();
    private final LongAdder checkpointCopiedBytes = new LongAdder();
    private final LongAdder checkpointHotBytes = new LongAdder();
    private final LongAdder checkpointRunsMerged = new LongAdder();
    private final LongAdder checkpointExtentsFolded = new LongAdder();

    /** Rows that changed since the checkpoint before. */
    public LongAdder checkpointChangedRows() {
        return checkpointChangedRows;
    }

    /** Bytes of delta runs: changes, and older deltas merged with them. */
    public LongAdder checkpointDeltaBytes() {
        return checkpointDeltaBytes;
    }

    /** Bytes of base runs: rows that were never written, and extents that were folded. */
    public LongAdder checkpointBaseBytes() {
        return checkpointBaseBytes;
    }

    /** Bytes of runs that were copied as they were, for a self-contained checkpoint. */
    public LongAdder checkpointCopiedBytes() {
        return checkpointCopiedBytes;
    }

    /** Bytes of the rows that were read most, which a restore brings along. */
    public LongAdder checkpointHotBytes() {
        return checkpointHotBytes;
    }

    /** Delta runs that were merged into newer ones. */
    public LongAdder checkpointRunsMerged() {
        return checkpointRunsMerged;
    }

    /** Extents whose base runs were written anew. */
    public LongAdder checkpointExtentsFolded() {
        return checkpointExtentsFolded;
    }

    /** Registers the counters. */
    public void register(MetricGroup group) {
        gauge(group, "checkpointChangedRows", checkpointChangedRows::sum);
        gauge(group, "checkpointDeltaBytes", checkpointDeltaBytes::sum);
        gauge(group, "checkpointBaseBytes", checkpointBaseBytes::sum);
        gauge(group, "checkpointCopiedBytes", checkpointCopiedBytes::sum);
        gauge(group, "checkpointHotBytes", checkpointHotBytes::sum);
        gauge(group, "checkpointRunsMerged", checkpointRunsMerged::sum);
        gauge(group, "checkpointExtentsFolded", checkpointExtentsFolded::sum);
    }
}
