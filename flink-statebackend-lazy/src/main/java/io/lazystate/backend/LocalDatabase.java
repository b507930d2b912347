package io.lazystate.backend;

import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.paging.PagingContext;
import io.lazystate.prefetch.HeapTimerQueueFactory;
import java.io.File;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Function;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.core.fs.ICloseableRegistry;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.RegisteredKeyValueStateBackendMetaInfo;
import org.apache.flink.runtime.state.RegisteredStateMetaInfoBase;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.apache.flink.runtime.state.StateSerializerProvider;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueSnapshotRestoreWrapper;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend.RocksDbKvStateInfo;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackendBuilder;
import org.apache.flink.state.rocksdb.RocksDBNativeMetricMonitor;
import org.apache.flink.state.rocksdb.RocksDBOperationUtils;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.state.rocksdb.restore.RocksDBFullRestoreOperation;
import org.apache.flink.state.rocksdb.restore.RocksDBHeapTimersFullRestoreOperation;
import org.apache.flink.state.rocksdb.restore.RocksDBIncrementalRestoreOperation;
import org.apache.flink.state.rocksdb.restore.RocksDBNoneRestoreOperation;
import org.apache.flink.state.rocksdb.restore.RocksDBRestoreOperation;
import org.apache.flink.state.rocksdb.restore.RocksDBRestoreResult;
import org.apache.flink.state.rocksdb.ttl.RocksDbTtlCompactFiltersManager;
import org.apache.flink.util.CollectionUtil;
import org.apache.flink.util.IOUtils;
import org.apache.flink.util.ResourceGuard;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;

/**
 * The opened database of one keyed backend, with its states.
 *
 * <p>It is opened by Flink's own restore operations: the empty one for checkpoints of this backend,
 * whose rows come later, and those that read everything for savepoints and for checkpoints of
 * Flink's RocksDB backend. Ownership: the keyed backend closes what is in it; closing this is for a
 * build that failed.
 */
@SuppressWarnings("NonApiType") // Flink's restore operations and backend ask for LinkedHashMap
final class LocalDatabase<K> implements AutoCloseable {
    /** What is needed to open one. */
    record Opening<K>(
            KeyedStateBackendParameters<K> parameters,
            BackendAssembly.Local local,
            StateSerializerProvider<K> keySerializer,
            int keyGroupPrefixBytes,
            Function<String, ColumnFamilyOptions> familyOptions,
            RocksDbTtlCompactFiltersManager ttlFilters,
            ResourceGuard guard,
            CloseableRegistry cancel) {}

    private final Opening<K> opening;
    private final LinkedHashMap<String, RocksDbKvStateInfo> states;
    private final LinkedHashMap<String, HeapPriorityQueueSnapshotRestoreWrapper<?>> heapQueues;
    private final ColumnFamilyHandle defaultFamily;
    private final @Nullable RocksDBNativeMetricMonitor monitor;
    private final PagedRocksDB paged;

    private LocalDatabase(
            Opening<K> opening,
            LinkedHashMap<String, RocksDbKvStateInfo> states,
            LinkedHashMap<String, HeapPriorityQueueSnapshotRestoreWrapper<?>> heapQueues,
            RocksDBRestoreResult opened,
            PagedRocksDB paged) {
        this.opening = opening;
        this.states = states;
        this.heapQueues = heapQueues;
        this.defaultFamily = opened.getDefaultColumnFamilyHandle();
        this.monitor = opened.getNativeMetricMonitor();
        this.paged = paged;
    }

    /**
     * Opens the database.
     *
     * @param handlesOfFlink savepoint, or checkpoint of Flink's RocksDB backend, to restore whole;
     *     empty for an empty database
     * @param ports how the database is reached
     */
    static <K> LocalDatabase<K> open(
            Opening<K> opening,
            Collection<KeyedStateHandle> handlesOfFlink,
            PagingContext paging,
            Ports ports)
            throws Exception {
        LinkedHashMap<String, RocksDbKvStateInfo> states = new LinkedHashMap<>();
        LinkedHashMap<String, HeapPriorityQueueSnapshotRestoreWrapper<?>> queues =
                new LinkedHashMap<>();
        RocksDBRestoreOperation operation = null;
        LocalDatabase<K> database = null;
        try {
            operation = operation(opening, handlesOfFlink, states, queues);
            RocksDBRestoreResult opened = operation.restore();
            PagedRocksDB paged = new PagedRocksDB(ports.database(opened.getDb()), paging);
            database = new LocalDatabase<>(opening, states, queues, opened, paged);
            states.forEach((name, state) -> paged.register(state.columnFamilyHandle, name));
            return database;
        } catch (Throwable t) {
            IOUtils.closeQuietly(database); // closes column families before what they are in
            states.values().forEach(IOUtils::closeQuietly);
            IOUtils.closeQuietly(operation);
            paging.overlayOptions().close();
            throw t;
        }
    }

    /** Adds a state of a checkpoint of ours, cold. */
    void addRestored(
            RegisteredStateMetaInfoBase metaInfo, StateLayout layout, ICloseableRegistry cancel) {
        RocksDbKvStateInfo state =
                RocksDBOperationUtils.createStateInfo(
                        metaInfo,
                        paged,
                        opening.familyOptions(),
                        opening.ttlFilters(),
                        opening.local().container().getWriteBufferManagerCapacity(),
                        cancel);
        RocksDBOperationUtils.registerKvStateInformation(
                states, monitor, metaInfo.getName(), state);
        paged.restore(state.columnFamilyHandle, layout);
    }

    LinkedHashMap<String, RocksDbKvStateInfo> states() {
        return states;
    }

    /** The states that there are now, but for queues. */
    List<RegisteredKeyValueStateBackendMetaInfo<?, ?>> keyValueStates() {
        List<RegisteredKeyValueStateBackendMetaInfo<?, ?>> keyValueStates = new ArrayList<>();
        for (RocksDbKvStateInfo state : states.values()) {
            if (state.metaInfo instanceof RegisteredKeyValueStateBackendMetaInfo<?, ?> metaInfo) {
                keyValueStates.add(metaInfo);
            }
        }
        return keyValueStates;
    }

    LinkedHashMap<String, HeapPriorityQueueSnapshotRestoreWrapper<?>> heapQueues() {
        return heapQueues;
    }

    ColumnFamilyHandle defaultFamily() {
        return defaultFamily;
    }

    @Nullable RocksDBNativeMetricMonitor monitor() {
        return monitor;
    }

    PagedRocksDB paged() {
        return paged;
    }

    @Override
    public void close() {
        IOUtils.closeQuietly(monitor);
        List<ColumnFamilyOptions> options = new ArrayList<>();
        List<ColumnFamilyHandle> families = new ArrayList<>();
        families.add(defaultFamily);
        states.values().forEach(state -> families.add(state.columnFamilyHandle));
        for (ColumnFamilyHandle family : families) {
            RocksDBOperationUtils.addColumnFamilyOptionsToCloseLater(options, family);
            IOUtils.closeQuietly(family);
        }
        IOUtils.closeQuietly(paged);
        IOUtils.closeAllQuietly(options);
        states.clear();
    }

    /**
     * Flink copies the rows of several handles with iterators that a prefix extractor of the user's
     * would send into prefix mode, and would miss rows. Without a way to take one away, another
     * comes in its place, for which all keys have the same prefix; until the next restore.
     */
    private static Function<String, ColumnFamilyOptions> copyable(
            Function<String, ColumnFamilyOptions> users) {
        return name -> users.apply(name).useCappedPrefixExtractor(0);
    }

    private static <K> RocksDBRestoreOperation operation(
            Opening<K> o,
            Collection<KeyedStateHandle> handles,
            LinkedHashMap<String, RocksDbKvStateInfo> states,
            LinkedHashMap<String, HeapPriorityQueueSnapshotRestoreWrapper<?>> queues) {
        KeyedStateBackendParameters<K> p = o.parameters();
        BackendAssembly.Local local = o.local();
        File dbDirectory =
                RocksDBKeyedStateBackendBuilder.getInstanceRocksDBPath(local.directory());
        if (handles.isEmpty()) {
            return new RocksDBNoneRestoreOperation<>(
                    states,
                    dbDirectory,
                    local.container().getDbOptions(),
                    o.familyOptions(),
                    local.metrics(),
                    p.getMetricGroup(),
                    o.ttlFilters(),
                    local.container().getWriteBufferManagerCapacity());
        }
        Environment env = p.getEnv();
        ClassLoader userCode = env.getUserCodeClassLoader().asClassLoader();
        if (handles.iterator().next() instanceof IncrementalKeyedStateHandle) {
            return new RocksDBIncrementalRestoreOperation<>(
                    p.getOperatorIdentifier(),
                    p.getKeyGroupRange(),
                    o.keyGroupPrefixBytes(),
                    RocksDBOptions.CHECKPOINT_TRANSFER_THREAD_NUM.defaultValue(),
                    o.guard(),
                    p.getCancelStreamRegistry(),
                    o.cancel(),
                    userCode,
                    states,
                    o.keySerializer(),
                    local.directory(),
                    dbDirectory,
                    local.container().getDbOptions(),
                    handles.size() > 1 ? copyable(o.familyOptions()) : o.familyOptions(),
                    local.metrics(),
                    p.getMetricGroup(),
                    p.getCustomInitializationMetrics(),
                    CollectionUtil.checkedSubTypeCast(handles, IncrementalKeyedStateHandle.class),
                    o.ttlFilters(),
                    local.writeBatchBytes(),
                    local.container().getWriteBufferManagerCapacity(),
                    RocksDBConfigurableOptions.RESTORE_OVERLAP_FRACTION_THRESHOLD.defaultValue(),
                    false,
                    false,
                    true,
                    env.getIOManager().getExecutorService(),
                    (message, error) -> env.failExternally(error));
        }
        if (local.queues().getPriorityQueueStateType() == PriorityQueueStateType.HEAP) {
            return new RocksDBHeapTimersFullRestoreOperation<>(
                    p.getKeyGroupRange(),
                    p.getNumberOfKeyGroups(),
                    userCode,
                    states,
                    queues,
                    new HeapTimerQueueFactory(p.getKeyGroupRange(), p.getNumberOfKeyGroups()),
                    o.keySerializer(),
                    dbDirectory,
                    local.container().getDbOptions(),
                    o.familyOptions(),
                    local.metrics(),
                    p.getMetricGroup(),
                    handles,
                    o.ttlFilters(),
                    local.writeBatchBytes(),
                    local.container().getWriteBufferManagerCapacity(),
                    p.getCancelStreamRegistry());
        }
        return new RocksDBFullRestoreOperation<>(
                p.getKeyGroupRange(),
                userCode,
                states,
                o.keySerializer(),
                dbDirectory,
                local.container().getDbOptions(),
                o.familyOptions(),
                local.metrics(),
                p.getMetricGroup(),
                handles,
                o.ttlFilters(),
                local.writeBatchBytes(),
                local.container().getWriteBufferManagerCapacity(),
                p.getCancelStreamRegistry());
    }
}
