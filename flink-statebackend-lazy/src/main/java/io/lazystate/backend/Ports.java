package io.lazystate.backend;

import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.metrics.StoreMetrics;
import io.lazystate.snapshot.Patience;
import io.lazystate.store.Backoff;
import io.lazystate.store.RangedReader;
import io.lazystate.store.Retries;
import io.lazystate.store.RetryingReader;
import io.lazystate.store.S3Clients;
import io.lazystate.store.S3Limits;
import io.lazystate.store.SchemeRouter;
import io.lazystate.store.Sleeper;
import io.lazystate.store.StateHandleReader;
import java.io.Serializable;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.flink.configuration.ReadableConfig;
import org.rocksdb.RocksDB;

/** How a backend reaches the store, and who else sees what it counts. */
interface Ports extends Serializable {
    /** Attempts of one read before the task fails: some seconds of trouble are bridged. */
    int READ_ATTEMPTS = 6;

    /** S3 over connections of our own, everything else through Flink's file systems. */
    Ports DEFAULT =
            new Ports() {
                private static final long serialVersionUID = 1L;

                @Override
                public RangedReader reader(
                        ReadableConfig taskManager, S3Limits s3, StoreMetrics metrics) {
                    return new SchemeRouter(
                            reader(metrics),
                            S3Clients.SHARED,
                            taskManager,
                            s3,
                            Ports.retries(metrics));
                }
            };

    /**
     * The reader of a new keyed backend, which releases it; every byte it fetches passes here.
     *
     * @param taskManager its options, secrets included
     * @param metrics of the backend; counts what is asked again
     */
    default RangedReader reader(ReadableConfig taskManager, S3Limits s3, StoreMetrics metrics) {
        return reader(metrics);
    }

    /** The store through Flink's file systems, each read attempted a bounded number of times. */
    default RangedReader reader(StoreMetrics metrics) {
        return new RetryingReader(new StateHandleReader(), retries(metrics));
    }

    private static Retries retries(StoreMetrics metrics) {
        return new Retries(
                READ_ATTEMPTS,
                new Backoff(100, 5_000, () -> ThreadLocalRandom.current().nextDouble()),
                Thread::sleep,
                metrics);
    }

    /** The opened local database as a new keyed backend reaches it, and closes it. */
    default RocksDB database(RocksDB opened) {
        return opened;
    }

    /** How background work waits. */
    default Sleeper sleeper() {
        return Thread::sleep;
    }

    /** How checkpoints wait for news of earlier ones. */
    default Patience patience() {
        return Patience.BOUNDED;
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
