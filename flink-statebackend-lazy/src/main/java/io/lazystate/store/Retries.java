package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.metrics.StoreMetrics;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;

/**
 * How often a request is tried, and how long is waited in between.
 *
 * <p>Only what is UNAVAILABLE is tried again: a damaged object does not mend. When the attempts are
 * used up, the last error is thrown. Threads: any; it is the calling one that waits, and
 * interrupting it ends the wait with CLOSED.
 *
 * @param attempts how often one request is tried in all, at least 1
 * @param sleeper usually {@code Thread::sleep}
 * @param metrics of whoever reads; counts what is asked again
 */
@Internal
public record Retries(int attempts, Backoff backoff, Sleeper sleeper, StoreMetrics metrics) {

    public Retries {
        if (attempts < 1) {
            throw new IllegalArgumentException("attempts must be at least 1: " + attempts);
        }
    }

    <T> T run(Supplier<T> request) {
        for (int attempt = 1; ; attempt++) {
            try {
                return request.get();
            } catch (LazyStateException e) {
                if (e.kind() != Kind.UNAVAILABLE || attempt == attempts) {
                    throw e;
                }
                pause(attempt, e.where());
                metrics.retries().increment();
            }
        }
    }

    private void pause(int failures, Where where) {
        try {
            sleeper.sleep(backoff.delayMillis(failures));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LazyStateException(
                    Kind.CLOSED, where, "interrupted while waiting to read again", e);
        }
    }
}
