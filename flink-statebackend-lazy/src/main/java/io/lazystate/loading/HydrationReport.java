package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.RecoveryMetrics;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What hydration tells in the log: how far it is, at most every {@link #SECONDS_BETWEEN_LINES}
 * seconds, what it gave up, at most {@link #MAX_FAILURES} by name, and how it ended.
 *
 * <p>Threads: one.
 */
final class HydrationReport {
    private static final Logger LOG = LoggerFactory.getLogger(Hydrator.class);

    private static final long SECONDS_BETWEEN_LINES = 30;
    private static final int MAX_FAILURES = 10;

    private final String owner;
    private final LongSupplier nanoTime;
    private final RecoveryMetrics metrics;
    private final long start;
    private final int extents;
    private final long bytes;
    private int linkedExtents;
    private long linkedBytes;
    private int failedExtents;
    private long failedBytes;
    private long lastLine;

    HydrationReport(
            String owner,
            List<ColdExtent> extents,
            LongSupplier nanoTime,
            RecoveryMetrics metrics) {
        this.owner = owner;
        this.metrics = metrics;
        this.nanoTime = nanoTime;
        this.start = nanoTime.getAsLong();
        this.lastLine = start;
        this.extents = extents.size();
        this.bytes = extents.stream().mapToLong(ColdExtent::bytes).sum();
    }

    void linked(ColdExtent extent) {
        linkedExtents++;
        linkedBytes += extent.bytes();
        long now = nanoTime.getAsLong();
        if (now - lastLine >= TimeUnit.SECONDS.toNanos(SECONDS_BETWEEN_LINES)) {
            lastLine = now;
            LOG.info(
                    "Hydrated {} of {} extents of {} so far, {} of {} bytes, in {} ms",
                    linkedExtents,
                    extents,
                    owner,
                    linkedBytes,
                    bytes,
                    millis(now));
        }
    }

    void pausing(LazyStateException cause, long millis) {
        LOG.info(
                "Hydration of {} pauses for {} ms, since the store does not answer: {}",
                owner,
                millis,
                cause.getMessage());
    }

    /** A pause begins. */
    void givesWay(String reason) {
        metrics.prewarmPauses().increment();
        LOG.info("Hydration of {} pauses, since {}", owner, reason);
    }

    void gaveWay(long millis) {
        metrics.prewarmPausedMillis().add(millis);
    }

    void gaveUp(ColdExtent extent, LazyStateException cause) {
        failedExtents++;
        failedBytes += extent.bytes();
        metrics.prewarmFailed();
        if (failedExtents <= MAX_FAILURES) {
            LOG.warn(
                    "An extent of {} could not be hydrated and stays cold: {}",
                    owner,
                    cause.getMessage());
        }
        LOG.debug("Hydration of {} failed", owner, cause);
    }

    /** There is no room for these. */
    void full(List<ColdExtent> left) {
        LOG.info(
                "{} extents of {}, {} bytes, stay cold for lack of local room; they are read page"
                        + " by page",
                left.size(),
                owner,
                left.stream().mapToLong(ColdExtent::bytes).sum());
    }

    /** Returns whether nothing was given up. */
    boolean ended() {
        LOG.info(
                "Hydrated {} of {} extents of {}, {} of {} bytes, in {} ms",
                linkedExtents,
                extents,
                owner,
                linkedBytes,
                bytes,
                millis(nanoTime.getAsLong()));
        if (failedExtents > 0) {
            LOG.warn(
                    "{} extents of {}, {} bytes, could not be hydrated and stay cold; they are"
                            + " read page by page, and hydrated after the next restart",
                    failedExtents,
                    owner,
                    failedBytes);
        }
        return failedExtents == 0;
    }

    private long millis(long now) {
        return TimeUnit.NANOSECONDS.toMillis(now - start);
    }
}
