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
        } catch (CancellationException e) {
            throw stopped(e);
        } catch (ExecutionException e) {
            ExceptionUtils.rethrow(e.getCause());
            throw new AssertionError("unreachable", e);
        }
    }

    /**
     * As above, for the thread of a task, which an interrupt does not stop: code of the job may
     * have left the flag set, and RocksDB does not ask for it. A task that is cancelled gets CLOSED
     * since its loader is closed, which answers every request.
     */
    public static <T extends @Nullable Object> T awaitUninterruptibly(Future<T> future) {
        boolean unused = awaitDoneUninterruptibly(future, Long.MAX_VALUE);
        return await(future); // an interrupt is no reason not to take a result that is here
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

    /** As above, for the thread of a task; see {@link #awaitUninterruptibly}. */
    public static boolean awaitDoneUninterruptibly(Future<?> future, long nanos) {
        boolean interrupted = false;
        long start = System.nanoTime();
        try {
            while (true) {
                try {
                    future.get(nanos - (System.nanoTime() - start), TimeUnit.NANOSECONDS);
                    return true;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (TimeoutException e) {
                    return false;
                } catch (ExecutionException | CancellationException e) {
                    return true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** What whoever waits for work gets for which no thread can be made. */
    public static LazyStateException noThread(Throwable cause) {
        return new LazyStateException(
                Kind.UNAVAILABLE,
                Where.NOWHERE,
                "No thread can be made to load state: "
                        + cause
                        + "; raise the limit of threads of the TaskManager's user or container",
                cause);
    }

    /** What whoever waits for loading gets when it is stopped. */
    public static LazyStateException stopped(@Nullable Exception cause) {
        return new LazyStateException(
                Kind.CLOSED, Where.NOWHERE, "Loading was stopped; the task is ending", cause);
    }
}
