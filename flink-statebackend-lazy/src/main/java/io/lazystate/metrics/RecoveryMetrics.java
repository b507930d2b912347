package io.lazystate.metrics;

import static io.lazystate.metrics.Gauges.gauge;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.MetricGroup;

/**
 * The way of one keyed backend from its start until it is warm, and what was loaded on it.
 *
 * <p>Units: milliseconds since this was made, -1 while the event has not come. Threads: any.
 */
@Internal
public final class RecoveryMetrics {
    private static final long NOT_YET = -1;

    private final LongSupplier nanoTime;
    private final long start;
    private final LongAdder prewarmExtents = new LongAdder();
    private final LongAdder prewarmBytes = new LongAdder();
    private final LongAdder prewarmFailedExtents = new LongAdder();
    private final LongAdder prewarmPauses = new LongAdder();
    private final LongAdder prewarmPausedMillis = new LongAdder();
    private volatile long coldStartMillis = NOT_YET;
    private volatile long firstRecordMillis = NOT_YET;
    private volatile long warmMillis = NOT_YET;
    private PrewarmStatus status = PrewarmStatus.OFF;

    /**
     * @param nanoTime usually {@code System::nanoTime}
     */
    public RecoveryMetrics(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.start = nanoTime.getAsLong();
    }

    /** The backend is ready. */
    public void ready() {
        coldStartMillis = millis();
        if (status() == PrewarmStatus.SKIPPED) {
            warmMillis = coldStartMillis;
        }
    }

    /** The task uses a row for the first time. */
    public void firstRecord() {
        firstRecordMillis = millis();
    }

    /**
     * Goes on to the next status; one that cannot follow changes nothing.
     *
     * @return whether it could
     */
    public synchronized boolean prewarm(PrewarmStatus next) {
        if (!next.mayFollow(status)) {
            return false;
        }
        status = next;
        if (next == PrewarmStatus.COMPLETED) {
            warmMillis = millis();
        }
        return true;
    }

    public synchronized PrewarmStatus status() {
        return status;
    }

    /** An extent was linked, whoever wanted it. */
    public void prewarmed(long bytes) {
        prewarmExtents.increment();
        prewarmBytes.add(bytes);
    }

    /** An extent was given up. */
    public void prewarmFailed() {
        prewarmFailedExtents.increment();
    }

    /** Times that hydration gave way to what was short. */
    public LongAdder prewarmPauses() {
        return prewarmPauses;
    }

    /** How long it did. */
    public LongAdder prewarmPausedMillis() {
        return prewarmPausedMillis;
    }

    void register(MetricGroup group) {
        gauge(group, "coldStartLatencyMs", () -> coldStartMillis);
        gauge(group, "timeToFirstRecordMs", () -> firstRecordMillis);
        gauge(group, "timeToWarmMs", () -> warmMillis);
        gauge(group, "prewarmStatus", () -> status().code());
        gauge(group, "prewarmExtents", prewarmExtents::sum);
        gauge(group, "prewarmBytes", prewarmBytes::sum);
        gauge(group, "prewarmFailedExtents", prewarmFailedExtents::sum);
        gauge(group, "prewarmPauses", prewarmPauses::sum);
        gauge(group, "prewarmPausedTimeMs", prewarmPausedMillis::sum);
    }

    private long millis() {
        return TimeUnit.NANOSECONDS.toMillis(nanoTime.getAsLong() - start);
    }
}
