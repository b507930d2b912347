package io.lazystate.loading;

import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;

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

    /** A wait for what is fetched for the given cause. */
    interface Wait<T> {
        T under(LoadCause cause);
    }

    /** Lets the caller wait. */
    <T> T await(Wait<T> wait) {
        if (Thread.currentThread() != taskThread) {
            return wait.under(LoadCause.SNAPSHOT);
        }
        metrics.faults().increment();
        waits.begin();
        long start = System.nanoTime();
        try {
            return wait.under(LoadCause.DEMAND);
        } finally {
            metrics.waited(System.nanoTime() - start);
            waits.end();
        }
    }

    /** Those of the task that are under way. */
    DemandWaits waits() {
        return waits;
    }
}
