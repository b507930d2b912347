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
import java.util.function.Function;
import org.apache.flink.runtime.state.PriorityQueueSetFactory;
import org.apache.flink.runtime.state.RegisteredPriorityQueueStateBackendMetaInfo;
import org.apache.flink.runtime.state.RegisteredStateMetaInfoBase;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.apache.flink.runtime.state.StateSerializerProvider;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBWriteBatchWrapper;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionManager;
import org.rocksdb.ColumnFamilyOptions;

/**
 * The timer queues of one keyed backend, on the heap or in RocksDB as the job's configuration says,
 * and the prefetch that follows them.
 */
final class TimerQueues<K> {
    private final KeyedStateBackendParameters<K> parameters;
    private final BackendAssembly.Local local;
    private final LocalDatabase<K> database;
    private final int keyGroupPrefixBytes;

    TimerQueues(
            KeyedStateBackendParameters<K> parameters,
            BackendAssembly.Local local,
            LocalDatabase<K> database,
            int keyGroupPrefixBytes) {
        this.parameters = parameters;
        this.local = local;
        this.database = database;
        this.keyGroupPrefixBytes = keyGroupPrefixBytes;
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
            Function<String, ColumnFamilyOptions> familyOptions,
            RocksDBWriteBatchWrapper batch,
            RocksDBManualCompactionManager compactions) {
        if (onHeap()) {
            return new HeapTimerQueueFactory(
                    parameters.getKeyGroupRange(), parameters.getNumberOfKeyGroups());
        }
        return FlinkInternals.rocksQueues(
                new FlinkInternals.Queues(
                        parameters.getKeyGroupRange(),
                        keyGroupPrefixBytes,
                        parameters.getNumberOfKeyGroups(),
                        database.states(),
                        database.paged(),
                        local.container().getReadOptions(),
                        batch,
                        database.monitor(),
                        familyOptions,
                        local.container().getWriteBufferManagerCapacity(),
                        local.queues().getRocksDBPriorityQueueSetCacheSize(),
                        compactions));
    }

    /** What fetches the rows that the timers will read. */
    TimerPrefetch<K> prefetch(
            StateSerializerProvider<K> keySerializer,
            PrefetchSettings settings,
            LoadingMetrics metrics) {
        RowsOfTimers<K> rows =
                new RowsOfTimers<>(
                        database.paged().ahead(),
                        database::keyValueStates,
                        keySerializer.currentSchemaSerializer().duplicate(),
                        keyGroupPrefixBytes,
                        parameters.getNumberOfKeyGroups());
        return new TimerPrefetch<>(
                rows,
                parameters.getKeyGroupRange(),
                keyGroupPrefixBytes,
                settings,
                System::currentTimeMillis,
                metrics);
    }
}
