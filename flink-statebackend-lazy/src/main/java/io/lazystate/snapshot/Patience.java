package io.lazystate.snapshot;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.annotation.Internal;

/**
 * How long the end of a checkpoint waits for news of earlier ones; tests pass one without a clock.
 *
 * <p>Threads: that of the asynchronous part. News usually take milliseconds; lost ones never come.
 */
@Internal
@FunctionalInterface
public interface Patience {
    /** Longer than news take while the task is busy, shorter than a checkpoint's time-out. */
    long BOUND_SECONDS = 3;

    /** Some seconds. */
    Patience BOUNDED =
            news -> {
                try {
                    news.get(BOUND_SECONDS, TimeUnit.SECONDS);
                } catch (TimeoutException e) {
                    // Then it goes on without them, and its successor builds on an older one.
                } catch (ExecutionException e) {
                    throw new IllegalStateException(e);
                }
            };

    /** Returns when the future is done, or has not been for too long. */
    void await(Future<?> news) throws InterruptedException;
}
