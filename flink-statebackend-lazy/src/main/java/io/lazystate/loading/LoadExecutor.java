package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
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
     * Work that waits for the store. Whoever waits for it is answered in any case, unless it is
     * rejected.
     */
    interface Request {
        /** Does the work; reports its errors itself. */
        void run();

        /**
         * Answers with an error, at once: {@link #run} is not called, or the executor closes and
         * nobody shall wait for its end. What has been answered before stays as it is.
         */
        void dropped(LazyStateException why);
    }

    /**
     * Runs a request some time later.
     *
     * @param bytes that it fetches, as far as that is known
     * @throws RejectedExecutionException if this is closed; nothing else
     */
    void execute(LoadCause cause, long bytes, Request request);

    /** As above, for work with a result. */
    default <T> Future<T> submit(LoadCause cause, long bytes, Callable<T> work) {
        class Task extends FutureTask<T> implements Request {
            Task() {
                super(work);
            }

            @Override
            public void dropped(LazyStateException why) {
                setException(why);
            }
        }
        Task task = new Task();
        execute(cause, bytes, task);
        return task;
    }
}
