package io.lazystate.backend;

import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.Backoff;
import io.lazystate.store.RangedReader;
import io.lazystate.store.RetryingReader;
import io.lazystate.store.Sleeper;
import io.lazystate.store.StateHandleReader;
import java.io.Serializable;
import java.util.concurrent.ThreadLocalRandom;

/** How a backend reaches the store, and who else sees what it counts. */
interface Ports extends Serializable {
    /** Attempts of one read before the task fails: some seconds of trouble are bridged. */
    int READ_ATTEMPTS = 6;

    /** The store through Flink's file systems, each read attempted a bounded number of times. */
    Ports DEFAULT = new Ports() {};

    /** The reader of a new keyed backend; every byte it fetches passes here. */
    default RangedReader reader() {
        return new RetryingReader(
                new StateHandleReader(),
                READ_ATTEMPTS,
                new Backoff(100, 5_000, () -> ThreadLocalRandom.current().nextDouble()),
                Thread::sleep);
    }

    /** How background work waits. */
    default Sleeper sleeper() {
        return Thread::sleep;
    }

    /** Counters of what a new keyed backend loads. */
    default LoadingMetrics metrics() {
        return new LoadingMetrics();
    }

    /** Counters of what the checkpoints of a new keyed backend write. */
    default CheckpointMetrics checkpointMetrics() {
        return new CheckpointMetrics();
    }
}
