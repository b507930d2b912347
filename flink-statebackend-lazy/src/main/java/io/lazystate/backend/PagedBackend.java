package io.lazystate.backend;

import io.lazystate.paging.PagedRocksDB;
import io.lazystate.prefetch.TimerPrefetch;
import io.lazystate.snapshot.LazySnapshotStrategy;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.state.AbstractStateBackend;
import org.apache.flink.runtime.state.InternalKeyContextImpl;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.Keyed;
import org.apache.flink.runtime.state.PriorityComparable;
import org.apache.flink.runtime.state.PriorityQueueSetFactory;
import org.apache.flink.runtime.state.SerializedCompositeKeyBuilder;
import org.apache.flink.runtime.state.StateSnapshotTransformer.StateSnapshotTransformFactory;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueElement;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend;
import org.apache.flink.state.rocksdb.RocksDBWriteBatchWrapper;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionManager;

/**
 * Flink's RocksDB backend over a {@link PagedRocksDB}: before a state is migrated it is loaded, and
 * its timer queues are followed ahead. Threads: the task thread.
 */
final class PagedBackend<K> extends RocksDBKeyedStateBackend<K> {
    private final Migrations migrations;
    private final TimerPrefetch<K> prefetch;
    private final PagedRocksDB paged;

    /** What writes to the database beside the states. */
    record Writers(
            RocksDBWriteBatchWrapper batch,
            RocksDBManualCompactionManager compactions,
            PriorityQueueSetFactory queues) {}

    /**
     * @param opening that the database was opened with
     * @param prefetch of the queues
     */
    PagedBackend(
            LocalDatabase.Opening<K> opening,
            LocalDatabase<K> database,
            BackendAssembly.Tracking tracking,
            Writers writers,
            LazySnapshotStrategy<K> snapshots,
            Migrations migrations,
            TimerPrefetch<K> prefetch) {
        super(
                opening.parameters().getEnv().getUserCodeClassLoader().asClassLoader(),
                opening.local().directory(),
                opening.local().container(),
                opening.familyOptions(),
                opening.parameters().getKvStateRegistry(),
                opening.keySerializer().currentSchemaSerializer(),
                opening.parameters().getEnv().getExecutionConfig(),
                opening.parameters().getTtlTimeProvider(),
                tracking.latency(),
                tracking.size(),
                database.paged(),
                database.states(),
                database.heapQueues(),
                opening.keyGroupPrefixBytes(),
                opening.cancel(),
                AbstractStateBackend.getCompressionDecorator(
                        opening.parameters().getEnv().getExecutionConfig()),
                opening.guard(),
                snapshots,
                writers.batch(),
                database.defaultFamily(),
                database.monitor(),
                new SerializedCompositeKeyBuilder<>(
                        opening.keySerializer().currentSchemaSerializer(),
                        opening.keyGroupPrefixBytes(),
                        32),
                writers.queues(),
                opening.ttlFilters(),
                new InternalKeyContextImpl<>(
                        opening.parameters().getKeyGroupRange(),
                        opening.parameters().getNumberOfKeyGroups()),
                opening.local().writeBatchBytes(),
                null,
                writers.compactions());
        this.migrations = migrations;
        this.prefetch = prefetch;
        this.paged = database.paged();
    }

    @Override
    @SuppressWarnings("TypeParameterUnusedInFormals") // Flink's
    public <N, V, E, S extends State, T extends S> T createOrUpdateInternalState(
            TypeSerializer<N> namespaceSerializer,
            StateDescriptor<S, V> descriptor,
            StateSnapshotTransformFactory<E> transforms,
            boolean allowFutureMetadataUpdates)
            throws Exception {
        boolean migrates = migrations.isDueFor(descriptor);
        try {
            if (migrates) {
                migrations.prepare(descriptor);
            }
            T state =
                    super.createOrUpdateInternalState(
                            namespaceSerializer,
                            descriptor,
                            transforms,
                            allowFutureMetadataUpdates);
            prefetch.stateRegistered();
            return state;
        } catch (Throwable t) {
            if (migrates) {
                paged.accessFailed(t); // rows may have been migrated, and others not
            }
            throw t;
        }
    }

    @Override
    public <T extends HeapPriorityQueueElement & PriorityComparable<? super T> & Keyed<?>>
            KeyGroupedInternalPriorityQueue<T> create(
                    String name, TypeSerializer<T> serializer, boolean allowFutureMetadataUpdates) {
        return prefetch.observe(
                name, serializer, super.create(name, serializer, allowFutureMetadataUpdates));
    }
}
