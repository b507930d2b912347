package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.ByteRate;
import io.lazystate.loading.CountedReads;
import io.lazystate.loading.HeapPressure;
import io.lazystate.loading.HydrationPace;
import io.lazystate.loading.HydrationSettings;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.metrics.PrewarmStatus;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.paging.PagingContext;
import io.lazystate.prefetch.HeapTimerQueueFactory;
import io.lazystate.prefetch.RowsOfTimers;
import io.lazystate.prefetch.TimerPrefetch;
import io.lazystate.restore.CheckpointContents;
import io.lazystate.restore.LazyRestore;
import io.lazystate.snapshot.LazySnapshotStrategy;
import io.lazystate.snapshot.SnapshotSettings;
import io.lazystate.store.Backoff;
import io.lazystate.store.Sleeper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.execution.CancelTaskException;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.metrics.MetricNames;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.AbstractStateBackend;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.CompositeKeySerializationUtils;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle;
import org.apache.flink.runtime.state.InternalKeyContextImpl;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.Keyed;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.PriorityComparable;
import org.apache.flink.runtime.state.PriorityQueueSetFactory;
import org.apache.flink.runtime.state.RegisteredPriorityQueueStateBackendMetaInfo;
import org.apache.flink.runtime.state.RegisteredStateMetaInfoBase;
import org.apache.flink.runtime.state.SerializedCompositeKeyBuilder;
import org.apache.flink.runtime.state.StateBackend.CustomInitializationMetrics;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.apache.flink.runtime.state.StateSerializerProvider;
import org.apache.flink.runtime.state.StateSnapshotTransformer.StateSnapshotTransformFactory;
import org.apache.flink.runtime.state.StreamCompressionDecorator;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueElement;
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

    /** Between attempts at a store that is away: from a second to a minute. */
    private static final Backoff HYDRATION_BACKOFF =
            new Backoff(1_000, 60_000, () -> ThreadLocalRandom.current().nextDouble());

    /** Bytes of small neighbouring extents that one read fetches: they pass through the heap. */
    private static final long MOST_JOINED_BYTES = 8 << 20;

    /** And no more than one part in so many of a full extent. */
    private static final int JOINED_PART = 4;

    /** Of all tasks of this process. */
    private static final ByteRate RATE = new ByteRate(System::nanoTime);

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
    private final StoreReads reads;
    private final PageLoader loader;
    private final Sleeper sleeper;
    private final TtlFilters ttlFilters;
    private final Function<String, ColumnFamilyOptions> familyOptions;
    private final LocalTier tier;

    /** What the job's owner gave to name keys. */
    private List<PreloadKeys> preloadKeys = List.of();

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
        this.threads = new LoaderThreads(settings.loaderThreads());
        this.metrics = ports.metrics();
        this.checkpointMetrics = ports.checkpointMetrics();
        this.reads =
                new StoreReads(ports, parameters.getEnv().getTaskManagerInfo(), settings, metrics);
        this.sleeper = ports.sleeper();
        this.loader =
                new PageLoader(
                        reads.verified(), threads.executor(), settings.pageCacheBytes(), metrics);
        this.ttlFilters =
                new TtlFilters(
                        parameters.getTtlTimeProvider(),
                        local.container().getQueryTimeAfterNumEntries(),
                        local.container().getPeriodicCompactionTime());
        this.familyOptions = name -> local.container().getColumnOptions();
        this.tier = new LocalTier(settings);
    }

    AbstractKeyedStateBackend<K> build() throws BackendBuildingException {
        long start = System.nanoTime();
        LocalDatabase<K> database = null;
        CloseableRegistry cancelRestore = parameters.getCancelStreamRegistry();
        try {
            cancel.registerCloseable(reads); // closed after the threads
            cancel.registerCloseable(tier);
            cancel.registerCloseable(threads);
            cancelRestore.registerCloseable(threads);
            preloadKeys =
                    PreloadKeysClasses.instances(
                            settings.preloadKeys(),
                            parameters.getEnv().getUserCodeClassLoader().asClassLoader());
            prepareDirectories();
            StateSerializerProvider<K> keySerializer =
                    StateSerializerProvider.fromNewRegisteredSerializer(
                            parameters.getKeySerializer());
            Collection<KeyedStateHandle> handles =
                    parameters.getStateHandles().stream().filter(Objects::nonNull).toList();
            List<Manifest> manifests =
                    handles.isEmpty()
                            ? null
                            : CheckpointContents.read(
                                    handles, reads.verified(), threads.executor());
            database = open(manifests == null ? handles : List.of(), keySerializer);
            Hydrator hydrator = hydrator(database.paged());
            RestoredState restored =
                    new RestoredState(
                            parameters.getOperatorIdentifier(),
                            database.paged(),
                            hydrator,
                            settings,
                            metrics.recovery(),
                            threads);
            tier.prepare(database.paged());
            if (manifests != null) {
                restore(database, handles, manifests, keySerializer, restored, start);
            } else if (!handles.isEmpty()) {
                LOG.info(
                        "Restored {} from {} handles of a savepoint or of Flink's RocksDB backend:"
                                + " everything was read, in {} ms",
                        parameters.getOperatorIdentifier(),
                        handles.size(),
                        millisSince(start));
            }
            if (manifests == null) {
                metrics.recovery().prewarm(PrewarmStatus.SKIPPED);
            }
            RocksDBKeyedStateBackend<K> backend =
                    assemble(database, keySerializer, restored::loadWhole);
            tier.keep(
                    parameters.getOperatorIdentifier(),
                    database,
                    local.directory(),
                    loader,
                    hydrator,
                    threads,
                    parameters.getMetricGroup());
            database.paged().registerMetrics(parameters.getMetricGroup());
            checkpointMetrics.register(parameters.getMetricGroup());
            reads.registerMetrics(parameters.getMetricGroup());
            metrics.recovery().ready();
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
            Collection<KeyedStateHandle> handles,
            List<Manifest> manifests,
            StateSerializerProvider<K> keySerializer,
            RestoredState restored,
            long start)
            throws Exception {
        LazyRestore<K> restore =
                new LazyRestore<>(
                        manifests, parameters.getKeyGroupRange(), keyGroupPrefixBytes, loader);
        PagedRocksDB db = database.paged();
        LoadingMode asked = settings.loadingMode();
        boolean hotRows = asked != LoadingMode.LAZY;
        restore.run(
                        keySerializer,
                        parameters.getEnv().getUserCodeClassLoader().asClassLoader(),
                        (metaInfo, layout) -> {
                            requireReadable(metaInfo, layout);
                            database.addRestored(
                                    metaInfo, layout, parameters.getCancelStreamRegistry());
                        },
                        hotRows ? threads.executor() : null)
                .forEach(db::addHotRows);
        restored.warnOfUnknownStates(database.states().keySet());
        long loadingStart = System.nanoTime();
        String loaded = restored.load(keyPreload(database, keySerializer));
        CustomInitializationMetrics durations = parameters.getCustomInitializationMetrics();
        durations.addMetric(MetricNames.DOWNLOAD_STATE_DURATION, millisSince(loadingStart));
        LOG.info(
                "Restored {} from checkpoint {} ({} handles) in {} ms, {}",
                parameters.getOperatorIdentifier(),
                checkpoint(handles),
                handles.size(),
                millisSince(start),
                loaded);
        durations.addMetric(MetricNames.RESTORE_STATE_DURATION, millisSince(start));
        restored.warm();
        if (!hotRows) {
            restore.bringHotRowsLater(threads.executor(), db::bringHotRows);
        }
    }

    private KeyPreload<K> keyPreload(
            LocalDatabase<K> database, StateSerializerProvider<K> keySerializer) {
        Set<String> states = new LinkedHashSet<>();
        database.keyValueStates().forEach(state -> states.add(state.getName()));
        settings.preloadStates().forEach(states::remove); // they come as a whole
        return new KeyPreload<>(
                preloadKeys,
                new NamedKeys<>(
                        PreloadKeysClasses.scope(parameters, states),
                        keySerializer.currentSchemaSerializer().duplicate(),
                        keyGroupPrefixBytes),
                database.paged(),
                threads,
                parameters.getEnv().getUserCodeClassLoader().asClassLoader(),
                metrics);
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

    private Hydrator hydrator(PagedRocksDB db) {
        return new Hydrator(
                parameters.getOperatorIdentifier(),
                db.linker(),
                loader,
                threads.executor(),
                new HydrationSettings(
                        settings.runFormat(),
                        work,
                        settings.hydrationConnections(),
                        settings.preloadStates(),
                        Math.min(MOST_JOINED_BYTES, settings.extentBytes() / JOINED_PART),
                        settings.hydrationMaxBytesPerSecond()),
                new HydrationPace(
                        System::nanoTime,
                        sleeper,
                        HYDRATION_BACKOFF,
                        RATE,
                        HeapPressure.ofProcess().or(db.pressure())),
                tier.room());
    }

    /** The ids that the handles tell, several after some kinds of rescale. */
    private static String checkpoint(Collection<KeyedStateHandle> handles) {
        return handles.stream()
                .filter(IncrementalKeyedStateHandle.class::isInstance)
                .map(handle -> ((IncrementalKeyedStateHandle) handle).getCheckpointId())
                .distinct()
                .map(String::valueOf)
                .collect(Collectors.joining(", "));
    }

    private RocksDBKeyedStateBackend<K> assemble(
            LocalDatabase<K> database,
            StateSerializerProvider<K> keySerializer,
            Consumer<String> whole) {
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
                                new CountedReads(reads.store(), LoadCause.SNAPSHOT, metrics),
                                loader,
                                checkpointMetrics),
                        ttlFilters::expiries,
                        env::failExternally);
        Migrations migrations = new Migrations(database.states(), whole);
        TimerPrefetch<K> prefetch = prefetch(database, keySerializer);
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
                T state =
                        super.createOrUpdateInternalState(
                                namespaceSerializer,
                                descriptor,
                                transforms,
                                allowFutureMetadataUpdates);
                prefetch.stateRegistered();
                return state;
            }

            @Override
            public <T extends HeapPriorityQueueElement & PriorityComparable<? super T> & Keyed<?>>
                    KeyGroupedInternalPriorityQueue<T> create(
                            String name,
                            TypeSerializer<T> serializer,
                            boolean allowFutureMetadataUpdates) {
                return prefetch.observe(
                        name,
                        serializer,
                        super.create(name, serializer, allowFutureMetadataUpdates));
            }
        };
    }

    private TimerPrefetch<K> prefetch(
            LocalDatabase<K> database, StateSerializerProvider<K> keySerializer) {
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
                settings.prefetch(),
                System::currentTimeMillis,
                metrics);
    }

    private PriorityQueueSetFactory queues(
            LocalDatabase<K> database,
            RocksDBWriteBatchWrapper batch,
            RocksDBManualCompactionManager compactions) {
        if (local.queues().getPriorityQueueStateType() == PriorityQueueStateType.HEAP) {
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
