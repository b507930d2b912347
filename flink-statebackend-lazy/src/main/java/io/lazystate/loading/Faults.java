package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Waits for pages and page indexes: faults, if it is the task that waits.
 *
 * <p>Threads: any; that of the task is the one that builds it. What others wait for counts as
 * theirs.
 */
final class Faults {
    private final LoadingMetrics metrics;
    private final Thread taskThread = Thread.currentThread();
    private final DemandWaits waits = new DemandWaits();

    Faults(LoadingMetrics metrics) {
        this.metrics = metrics;
    }

    /** Starts to fetch for the given cause. */
    interface Start<T> {
        List<CompletableFuture<T>> under(LoadCause cause);
    }

    /**
     * Lets the caller wait for results.
     *
     * @throws LazyStateException as of the work; CLOSED if interrupted, unless it is the task that
     *     waits: see {@link Futures#awaitUninterruptibly}
     */
    <T> List<T> await(Start<T> start) {
        if (Thread.currentThread() != taskThread) {
            return results(start.under(LoadCause.SNAPSHOT));
        }
        metrics.faults().increment();
        waits.begin();
        long begin = System.nanoTime();
        try {
            return results(start.under(LoadCause.DEMAND));
        } finally {
            metrics.waited(System.nanoTime() - begin);
            waits.end();
        }
    }

    private <T> List<T> results(List<CompletableFuture<T>> wave) {
        List<T> results = new ArrayList<>(wave.size());
        wave.forEach(one -> results.add(result(one)));
        return results;
    }

    /** As above, for a wait that does not count. */
    <T> T result(CompletableFuture<T> future) {
        return Thread.currentThread() == taskThread
                ? Futures.awaitUninterruptibly(future)
                : Futures.await(future);
    }

    /** Those of the task that are under way. */
    DemandWaits waits() {
        return waits;
    }
}
