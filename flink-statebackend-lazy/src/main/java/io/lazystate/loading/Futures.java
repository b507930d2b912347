package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
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

    /** What whoever waits for loading gets when it is stopped. */
    static LazyStateException stopped(Exception cause) {
        return new LazyStateException(
                Kind.CLOSED, Where.NOWHERE, "Loading was stopped; the task is ending", cause);
    }
}
