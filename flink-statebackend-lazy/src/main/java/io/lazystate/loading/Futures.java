package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.annotation.Internal;
import org.apache.flink.util.ExceptionUtils;
import org.jspecify.annotations.Nullable;

/** Waiting for work in other threads. */
@Internal
public final class Futures {
    private Futures() {}

    /**
     * Waits for a result; errors of the work are thrown as they are.
     *
     * @throws LazyStateException CLOSED if interrupted; the interrupt flag is restored
     */
    public static <T extends @Nullable Object> T await(Future<T> future) {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw stopped(e);
        } catch (ExecutionException e) {
            ExceptionUtils.rethrow(e.getCause());
            throw new AssertionError("unreachable", e);
        }
    }

    /**
     * Waits for the end of some work, whatever it is, but not longer than this.
     *
     * @return whether it has ended
     * @throws LazyStateException CLOSED if interrupted; the interrupt flag is restored
     */
    static boolean awaitDone(Future<?> future, long nanos) {
        try {
            future.get(nanos, TimeUnit.NANOSECONDS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw stopped(e);
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException | CancellationException e) {
            return true;
        }
    }

    /** What whoever waits for loading gets when it is stopped. */
    public static LazyStateException stopped(@Nullable Exception cause) {
        return new LazyStateException(
                Kind.CLOSED, Where.NOWHERE, "Loading was stopped; the task is ending", cause);
    }
}
