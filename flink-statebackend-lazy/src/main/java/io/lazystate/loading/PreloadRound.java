package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Loading that a restored task waits for, but not longer than some time: what did not come by then,
 * or failed, is loaded later.
 *
 * <p>Threads: the task's.
 */
final class PreloadRound implements HydrationRound {
    private final LongSupplier nanoTime;
    private final long start;
    private final long maxNanos;
    private boolean expired;
    private int failures;
    private @Nullable LazyStateException firstFailure;

    PreloadRound(LongSupplier nanoTime, long maxNanos) {
        this.nanoTime = nanoTime;
        this.start = nanoTime.getAsLong();
        this.maxNanos = maxNanos;
    }

    @Override
    public boolean mayStart(ColdExtent next, boolean idle) {
        expired |= nanosLeft() <= 0;
        return !expired;
    }

    @Override
    public boolean awaitDone(Fetch fetch) {
        boolean done = fetch.awaitDoneUninterruptibly(Math.max(0, nanosLeft()));
        expired |= !done;
        return done;
    }

    private long nanosLeft() {
        return maxNanos - (nanoTime.getAsLong() - start);
    }

    @Override
    public void linked(ColdExtent extent) {}

    @Override
    public void failed(ColdExtent extent, LazyStateException e) {
        failures++;
        firstFailure = firstFailure == null ? e : firstFailure;
    }

    /** Whether time ran out before everything was here. */
    boolean expired() {
        return expired;
    }

    int failures() {
        return failures;
    }

    @Nullable LazyStateException firstFailure() {
        return firstFailure;
    }
}
