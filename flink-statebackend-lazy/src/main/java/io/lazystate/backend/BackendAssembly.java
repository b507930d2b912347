package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.paging.PagingContext;
import io.lazystate.restore.CheckpointContents;
import io.lazystate.restore.LazyRestore;
import io.lazystate.snapshot.LazySnapshotStrategy;
import io.lazystate.snapshot.SnapshotSettings;
import io.lazystate.store.RangedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.execution.CancelTaskException;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.AbstractStateBackend;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.CompositeKeySerializationUtils;
import org.apache.flink.runtime.state.InternalKeyContextImpl;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.PriorityQueueSetFactory;
import org.apache.flink.runtime.state.RegisteredPriorityQueueStateBackendMetaInfo;
import org.apache.flink.runtime.state.RegisteredStateMetaInfoBase;
import org.apache.flink.runtime.state.SerializedCompositeKeyBuilder;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.apache.flink.runtime.state.StateSerializerProvider;
import org.apache.flink.runtime.state.StateSnapshotTransformer.StateSnapshotTransformFactory;
import org.apache.flink.runtime.state.StreamCompressionDecorator;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueSetFactory;
import org.apache.flink.runtime.state.metrics.LatencyTrackingStateConfig;
import org.apache.flink.runtime.state.metrics.SizeTrackingStateConfig;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend;
import org.apache.flink.state.rocksdb.RocksDBNativeMetricOptions;
import org.apache.flink.state.rocksdb.RocksDBPriorityQueueConfig;
import org.apache.flink.state.rocksdb.RocksDBResourceContainer;
import org.apache.flink.state.rocksdb.RocksDBWriteBatchWrapper;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionConfig;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionManager;
import org.apache.flink.util.FileUtils;
import org.apache.flink.util.IOUtils;
import org.apache.flink.util.ResourceGuard;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wires one keyed backend together: local database, loading, restore, snapshots, under Flink's
 * RocksDB backend. Used once, by the task thread.
 */
final class BackendAssembly<K> {
    private static final Logger LOG = LoggerFactory.getLogger(BackendAssembly.class);

    /** Hydration starts with the first record, or after this if none comes. */
    private static final long HYDRATION_DELAY_SECONDS = 3;

    /** Where and how the local database runs. */
    record Local(
            File directory,
            RocksDBResourceContainer container,
            RocksDBNativeMetricOptions metrics,
            RocksDBPriorityQueueConfig queues,
            RocksDBManualCompactionConfig compactions,
            long writeBatchBytes) {}

    /** Flink's tracking of state accesses. */
    record Tracking(LatencyTrackingStateConfig latency, SizeTrackingStateConfig size) {}

    private final KeyedStateBackendParameters<K> parameters;
    private final LazySettings settings;
    private final Local local;
    private final Tracking tracking;
    private final int keyGroupPrefixBytes;
    private final Path work;
    private final ResourceGuard guard = new ResourceGuard();
    private final CloseableRegistry cancel = new CloseableRegistry();
    private final LoadingMetrics metrics;
    private final CheckpointMetrics checkpointMetrics;
    private final LoaderThreads threads;
    private final RangedReader reader;
    private final PageLoader loader;
    private final TtlFilters ttlFilters;
    private final Function<String, ColumnFamilyOptions> familyOptions;

    /** Makes a state resident, by name; nothing to do unless extents of ours were restored. */
    private Consumer<String> whole = state -> {};

    BackendAssembly(
            KeyedStateBackendParameters<K> parameters,
            LazySettings settings,
            Ports ports,
            Local local,
            Tracking tracking) {
        this.parameters = parameters;
        this.settings = settings;
        this.local = local;
        this.tracking = tracking;
        this.keyGroupPrefixBytes =
                CompositeKeySerializationUtils.computeRequiredBytesInKeyGroupPrefix(
                        parameters.getNumberOfKeyGroups());
        this.work = local.directory().toPath().resolve("lazy");
        this.threads =
                new LoaderThreads(
                        parameters.getOperatorIdentifier(), settings.hydrationConnections());
        this.metrics = ports.metrics();
        this.checkpointMetrics = ports.checkpointMetrics();
        this.reader =
                ports.reader(
                        parameters.getEnv().getTaskManagerInfo().getConfiguration(), settings.s3());
        this.loader = new PageLoader(reader, threads.demand(), settings.pageCacheBytes(), metrics);
        this.ttlFilters =
                new TtlFilters(
                        parameters.getTtlTimeProvider(),
                        local.container().getQueryTimeAfterNumEntries(),
                        local.container().getPeriodicCompactionTime());
        this.familyOptions = name -> local.container().getColumnOptions();
    }

    AbstractKeyedStateBackend<K> build() throws BackendBuildingException {
        long start = System.nanoTime();
        LocalDatabase<K> database = null;
        CloseableRegistry cancelRestore = parameters.getCancelStreamRegistry();
        try {
            cancel.registerCloseable(reader::release);
            cancel.registerCloseable(threads);
            cancelRestore.registerCloseable(threads);
            prepareDirectories();
            StateSerializerProvider<K> keySerializer =
                    StateSerializerProvider.fromNewRegisteredSerializer(
                            parameters.getKeySerializer());
            Collection<KeyedStateHandle> handles =
                    parameters.getStateHandles().stream().filter(Objects::nonNull).toList();
            List<Manifest> manifests =
                    handles.isEmpty()
                            ? null
                            : CheckpointContents.read(handles, reader, threads.demand());
            database = open(manifests == null ? handles : List.of(), keySerializer);
            if (manifests != null) {
                restore(database, manifests, keySerializer, start);
            } else if (!handles.isEmpty()) {
                LOG.info(
                        "Restored {} from {} handles of a savepoint or of Flink's RocksDB backend:"
                                + " everything was read, in {} ms",
                        parameters.getOperatorIdentifier(),
                        handles.size(),
                        millisSince(start));
            }
            threads.restored();
            RocksDBKeyedStateBackend<K> backend = assemble(database, keySerializer);
            database.paged().registerMetrics(parameters.getMetricGroup());
            checkpointMetrics.register(parameters.getMetricGroup());
            cancelRestore.unregisterCloseable(threads);
            return backend;
        } catch (Throwable t) {
            throw failed(t, database, cancelRestore);
        }
    }

    private static long millisSince(long startNanos) {
        return (System.nanoTime() - startNanos) / 1_000_000;
    }

    private LocalDatabase<K> open(
            Collection<KeyedStateHandle> handlesOfFlink, StateSerializerProvider<K> keySerializer)
            throws Exception {
        LocalDatabase.Opening<K> opening =
                new LocalDatabase.Opening<>(
                        parameters, local, keySerializer, familyOptions, ttlFilters, guard, cancel);
        PagingContext paging = new PagingContext(loader, metrics, guard, work, overlayOptions());
        return LocalDatabase.open(opening, handlesOfFlink, keyGroupPrefixBytes, paging);
    }

    private void restore(
            LocalDatabase<K> database,
            List<Manifest> manifests,
            StateSerializerProvider<K> keySerializer,
            long start)
            throws Exception {
        LazyRestore<K> restore =
                new LazyRestore<>(
                        manifests, parameters.getKeyGroupRange(), keyGroupPrefixBytes, loader);
        PagedRocksDB db = database.paged();
        restore.run(
                        keySerializer,
                        parameters.getEnv().getUserCodeClassLoader().asClassLoader(),
                        (metaInfo, layout) -> {
                            requireReadable(metaInfo, layout);
                            database.addRestored(
                                    metaInfo, layout, parameters.getCancelStreamRegistry());
                        },
                        settings.loadingMode() == LoadingMode.HYBRID ? threads.demand() : null)
                .forEach(
                        (state, rows) -> {
                            db.addHotRows(state, rows);
                            metrics.hotRowsLoaded().add(rows.size());
                        });
        Hydrator hydrator =
                new Hydrator(
                        parameters.getOperatorIdentifier(),
                        db.linker(),
                        loader,
                        settings.runFormat(),
                        work,
                        threads.hydration(),
                        settings.hydrationConnections());
        whole =
                state -> {
                    hydrator.hydrate(state::equals, () -> true);
                    db.settle();
                };
        int cold = db.coldExtents().size();
        load(hydrator, db);
        LOG.info(
                "Restored {} in mode {} from {} handles: {} of {} extents are cold, in {} ms",
                parameters.getOperatorIdentifier(),
                settings.loadingMode(),
                manifests.size(),
                db.coldExtents().size(),
                cold,
                millisSince(start));
        if (settings.hydrationEnabled() && !db.coldExtents().isEmpty()) {
            threads.startHydrator(
                    () -> {
                        db.awaitUse(HYDRATION_DELAY_SECONDS, TimeUnit.SECONDS);
                        hydrator.run();
                    });
        }
    }

    /** Timers in RocksDB are not seen by timers on the heap: they would be lost without a word. */
    private void requireReadable(RegisteredStateMetaInfoBase state, StateLayout layout) {
        boolean onHeap = local.queues().getPriorityQueueStateType() == PriorityQueueStateType.HEAP;
        if (onHeap
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

    /** Loads what the mode asks for while the task waits. */
    private void load(Hydrator hydrator, PagedRocksDB db) {
        switch (settings.loadingMode()) {
            case EAGER -> hydrator.hydrate(state -> true, () -> true);
            case HYBRID -> {
                long deadline = System.nanoTime() + settings.maxBlockingTime().toNanos();
                BooleanSupplier inTime = () -> System.nanoTime() < deadline;
                hydrator.hydrate(settings.preloadStates()::contains, inTime);
                if (!inTime.getAsBoolean()) {
                    LOG.warn(
                            "{} was reached by {}; what is not loaded yet is loaded lazily",
                            LazyStateOptions.MAX_BLOCKING_TIME.key(),
                            parameters.getOperatorIdentifier());
                }
            }
            case LAZY -> {}
        }
        db.settle();
    }

    private RocksDBKeyedStateBackend<K> assemble(
            LocalDatabase<K> database, StateSerializerProvider<K> keySerializer) {
        Environment env = parameters.getEnv();
        PagedRocksDB db = database.paged();
        RocksDBResourceContainer container = local.container();
        RocksDBWriteBatchWrapper batch =
                new RocksDBWriteBatchWrapper(
                        db, container.getWriteOptions(), local.writeBatchBytes());
        StreamCompressionDecorator compression =
                AbstractStateBackend.getCompressionDecorator(env.getExecutionConfig());
        RocksDBManualCompactionManager compactions =
                RocksDBManualCompactionManager.create(
                        db, local.compactions(), env.getIOManager().getExecutorService());
        LazySnapshotStrategy<K> snapshots =
                new LazySnapshotStrategy<>(
                        db,
                        new LazySnapshotStrategy.Owner<>(
                                guard,
                                keySerializer.currentSchemaSerializer(),
                                database.states(),
                                parameters.getKeyGroupRange(),
                                keyGroupPrefixBytes,
                                env.getTaskStateManager().createLocalRecoveryConfig(),
                                local.directory()),
                        new SnapshotSettings(
                                settings.runFormat(),
                                settings.extentBytes(),
                                work,
                                reader,
                                loader,
                                checkpointMetrics),
                        ttlFilters::expiries);
        Migrations migrations = new Migrations(database.states(), whole);
        return new RocksDBKeyedStateBackend<>(
                env.getUserCodeClassLoader().asClassLoader(),
                local.directory(),
                container,
                familyOptions,
                parameters.getKvStateRegistry(),
                keySerializer.currentSchemaSerializer(),
                env.getExecutionConfig(),
                parameters.getTtlTimeProvider(),
                tracking.latency(),
                tracking.size(),
                db,
                database.states(),
                database.heapQueues(),
                keyGroupPrefixBytes,
                cancel,
                compression,
                guard,
                snapshots,
                batch,
                database.defaultFamily(),
                database.monitor(),
                new SerializedCompositeKeyBuilder<>(
                        keySerializer.currentSchemaSerializer(), keyGroupPrefixBytes, 32),
                queues(database, batch, compactions),
                ttlFilters,
                new InternalKeyContextImpl<>(
                        parameters.getKeyGroupRange(), parameters.getNumberOfKeyGroups()),
                local.writeBatchBytes(),
                null,
                compactions) {
            @Override
            @SuppressWarnings("TypeParameterUnusedInFormals") // Flink's
            public <N, V, E, S extends State, T extends S> T createOrUpdateInternalState(
                    TypeSerializer<N> namespaceSerializer,
                    StateDescriptor<S, V> descriptor,
                    StateSnapshotTransformFactory<E> transforms,
                    boolean allowFutureMetadataUpdates)
                    throws Exception {
                migrations.before(descriptor);
                return super.createOrUpdateInternalState(
                        namespaceSerializer, descriptor, transforms, allowFutureMetadataUpdates);
            }
        };
    }

    private PriorityQueueSetFactory queues(
            LocalDatabase<K> database,
            RocksDBWriteBatchWrapper batch,
            RocksDBManualCompactionManager compactions) {
        if (local.queues().getPriorityQueueStateType() == PriorityQueueStateType.HEAP) {
            return new HeapPriorityQueueSetFactory(
                    parameters.getKeyGroupRange(),
                    parameters.getNumberOfKeyGroups(),
                    LocalDatabase.HEAP_QUEUE_CAPACITY);
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

    /** The overlay shares cache and write buffers, and takes none of the users' other settings. */
    private ColumnFamilyOptions overlayOptions() {
        try (ColumnFamilyOptions states = local.container().getColumnOptions()) {
            return new ColumnFamilyOptions().setTableFormatConfig(states.tableFormatConfig());
        }
    }

    private void prepareDirectories() throws IOException {
        if (local.directory().exists()) {
            FileUtils.deleteDirectory(local.directory());
        }
        Files.createDirectories(work);
    }

    private BackendBuildingException failed(
            Throwable t, @Nullable LocalDatabase<K> database, CloseableRegistry cancelRestore) {
        boolean cancelled =
                cancelRestore.isClosed()
                        || (t instanceof LazyStateException e && e.kind() == Kind.CLOSED);
        List<AutoCloseable> leftovers = new ArrayList<>();
        leftovers.add(cancel);
        leftovers.add(guard);
        if (database != null) {
            leftovers.add(database);
        }
        leftovers.add(local.container());
        cancelRestore.unregisterCloseable(threads);
        IOUtils.closeAllQuietly(leftovers);
        ttlFilters.disposeAndClearRegisteredCompactionFactories();
        FileUtils.deleteDirectoryQuietly(local.directory());
        return cancelled
                ? new BackendBuildingException(
                        "The restore was cancelled", new CancelTaskException(t))
                : new BackendBuildingException(
                        "The keyed state of "
                                + parameters.getOperatorIdentifier()
                                + " could not be restored or created: "
                                + t.getMessage(),
                        t);
    }
}
