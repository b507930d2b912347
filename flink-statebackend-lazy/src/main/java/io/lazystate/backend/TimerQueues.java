package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.prefetch.HeapTimerQueueFactory;
import io.lazystate.prefetch.PrefetchSettings;
import io.lazystate.prefetch.RowsOfTimers;
import io.lazystate.prefetch.TimerPrefetch;
import org.apache.flink.runtime.state.PriorityQueueSetFactory;
import org.apache.flink.runtime.state.RegisteredPriorityQueueStateBackendMetaInfo;
import org.apache.flink.runtime.state.RegisteredStateMetaInfoBase;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBWriteBatchWrapper;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionManager;

/**
 * The timer queues of one keyed backend, on the heap or in RocksDB as the job's configuration says,
 * and the prefetch that follows them.
 */
final class TimerQueues<K> {
    private final LocalDatabase.Opening<K> opening;
    private final KeyedStateBackendParameters<K> parameters;
    private final BackendAssembly.Local local;
    private final LocalDatabase<K> database;

    /**
     * @param opening that the database was opened with
     */
    TimerQueues(LocalDatabase.Opening<K> opening, LocalDatabase<K> database) {
        this.opening = opening;
        this.parameters = opening.parameters();
        this.local = opening.local();
        this.database = database;
    }

    private boolean onHeap() {
        return local.queues().getPriorityQueueStateType() == PriorityQueueStateType.HEAP;
    }

    /**
     * Timers in RocksDB are not seen by timers on the heap: they would be lost without a word.
     *
     * @param layout of the state in the checkpoint
     * @throws LazyStateException INVALID, naming the state
     */
    void requireReadable(RegisteredStateMetaInfoBase state, StateLayout layout) {
        if (onHeap()
                && state instanceof RegisteredPriorityQueueStateBackendMetaInfo
                && !layout.runs().isEmpty()) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.state(state.getName()),
                    "The checkpoint has timers in RocksDB, and the job keeps its timers on the heap,"
                            + " where they would not be seen; set"
                            + " state.backend.rocksdb.timer-service.factory to ROCKSDB, or move the"
                            + " job with a canonical savepoint",
                    null);
        }
    }

    /** What makes the queues. */
    PriorityQueueSetFactory factory(
            RocksDBWriteBatchWrapper batch, RocksDBManualCompactionManager compactions) {
        if (onHeap()) {
            return new HeapTimerQueueFactory(
                    parameters.getKeyGroupRange(), parameters.getNumberOfKeyGroups());
        }
        return FlinkInternals.rocksQueues(
                new FlinkInternals.Queues(
                        parameters.getKeyGroupRange(),
                        opening.keyGroupPrefixBytes(),
                        parameters.getNumberOfKeyGroups(),
                        database.states(),
                        database.paged(),
                        local.container().getReadOptions(),
                        batch,
                        database.monitor(),
                        opening.familyOptions(),
                        local.container().getWriteBufferManagerCapacity(),
                        local.queues().getRocksDBPriorityQueueSetCacheSize(),
                        compactions));
    }

    /** What fetches the rows that the timers will read. */
    TimerPrefetch<K> prefetch(PrefetchSettings settings, LoadingMetrics metrics) {
        RowsOfTimers<K> rows =
                new RowsOfTimers<>(
                        database.paged().ahead(),
                        database::keyValueStates,
                        opening.keySerializer().currentSchemaSerializer().duplicate(),
                        opening.keyGroupPrefixBytes(),
                        parameters.getNumberOfKeyGroups());
        return new TimerPrefetch<>(
                rows,
                parameters.getKeyGroupRange(),
                opening.keyGroupPrefixBytes(),
                settings,
                System::currentTimeMillis,
                metrics);
    }
}
