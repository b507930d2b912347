package io.lazystate.loading;

import io.lazystate.metrics.LoadCause;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import org.apache.flink.annotation.Internal;

/**
 * Runs requests to the store, the most urgent first.
 *
 * <p>Threads: any; requests run in threads of the executor, which may wait for the store and are
 * interrupted when it closes.
 */
@Internal
@FunctionalInterface
public interface LoadExecutor {
    /**
     * Work that waits for the store. Exactly one of its methods is called, unless it is rejected.
     */
    interface Request {
        /** Does the work; reports its errors itself. */
        void run();

        /** Called in place of {@link #run} if the executor closes before. */
        void dropped();
    }

    /**
     * Runs a request some time later.
     *
     * @param bytes that it fetches, as far as that is known
     * @throws RejectedExecutionException if this is closed
     */
    void execute(LoadCause cause, long bytes, Request request);

    /** As above, for work with a result; it is cancelled if the executor closes before. */
    default <T> Future<T> submit(LoadCause cause, long bytes, Callable<T> work) {
        FutureTask<T> task = new FutureTask<>(work);
        execute(
                cause,
                bytes,
                new Request() {
                    @Override
                    public void run() {
                        task.run();
                    }

                    @Override
                    public void dropped() {
                        task.cancel(false);
                    }
                });
        return task;
    }
}
