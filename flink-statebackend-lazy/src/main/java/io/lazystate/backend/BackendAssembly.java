package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.CountedReads;
import io.lazystate.loading.HeapPressure;
import io.lazystate.loading.HydrationPace;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.metrics.PrewarmStatus;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.paging.PagingContext;
import io.lazystate.restore.CheckpointContents;
import io.lazystate.snapshot.LazySnapshotStrategy;
import io.lazystate.snapshot.Patience;
import io.lazystate.snapshot.SnapshotSettings;
import io.lazystate.store.Sleeper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.execution.CancelTaskException;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.CompositeKeySerializationUtils;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StateBackend.KeyedStateBackendParameters;
import org.apache.flink.runtime.state.StateSerializerProvider;
import org.apache.flink.runtime.state.metrics.LatencyTrackingStateConfig;
import org.apache.flink.runtime.state.metrics.SizeTrackingStateConfig;
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

    /**
     * Where and how the local database runs.
     *
     * @param overlay makes the options of the overlay's column families
     */
    record Local(
            File directory,
            RocksDBResourceContainer container,
            RocksDBNativeMetricOptions metrics,
            RocksDBPriorityQueueConfig queues,
            RocksDBManualCompactionConfig compactions,
            long writeBatchBytes,
            Supplier<ColumnFamilyOptions> overlay) {}

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
    private final Ports ports;
    private final LoadingMetrics metrics;
    private final CheckpointMetrics checkpointMetrics;
    private final LoaderThreads threads;
    private final StoreReads reads;
    private final PageLoader loader;
    private final Sleeper sleeper;
    private final Patience patience;
    private final TtlFilters ttlFilters;
    private final Function<String, ColumnFamilyOptions> familyOptions;
    private final LocalTier tier;

    /** Made last, and closed first if the build fails behind it; then the backend closes it. */
    private final List<AutoCloseable> writers = new ArrayList<>();

    /** What may fail comes before what has to be closed. */
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
        this.ports = ports;
        this.metrics = ports.metrics();
        this.checkpointMetrics = ports.checkpointMetrics();
        this.sleeper = ports.sleeper();
        this.patience = ports.patience();
        this.ttlFilters =
                new TtlFilters(
                        parameters.getTtlTimeProvider(),
                        local.container().getQueryTimeAfterNumEntries(),
                        local.container().getPeriodicCompactionTime());
        this.reads =
                new StoreReads(ports, parameters.getEnv().getTaskManagerInfo(), settings, metrics);
        this.tier = new LocalTier(settings);
        this.familyOptions = name -> tier.limit(local.container().getColumnOptions());
        this.threads = new LoaderThreads(settings.loaderThreads());
        this.loader =
                new PageLoader(
                        reads.verified(), threads.executor(), settings.pageCacheBytes(), metrics);
    }

    AbstractKeyedStateBackend<K> build() throws BackendBuildingException {
        LocalDatabase<K> database = null;
        CloseableRegistry cancelRestore = parameters.getCancelStreamRegistry();
        try {
            cancel.registerCloseable(reads); // closed after the threads
            cancel.registerCloseable(tier);
            cancel.registerCloseable(threads);
            cancelRestore.registerCloseable(threads);
            CheckpointRestore<K> restore =
                    new CheckpointRestore<>(parameters, settings, loader, threads, metrics);
            prepareDirectories();
            Collection<KeyedStateHandle> handles =
                    parameters.getStateHandles().stream().filter(Objects::nonNull).toList();
            boolean ours = CheckpointContents.areIn(handles);
            CheckpointContents contents = // come while the database is opened
                    CheckpointContents.fetch(
                            ours ? handles : List.of(), reads.verified(), threads.executor());
            LocalDatabase.Opening<K> opening = opening();
            database =
                    LocalDatabase.open(
                            opening,
                            ours ? List.of() : handles,
                            new PagingContext(
                                    loader, metrics, guard, work, overlayOptions(), this::failTask),
                            ports);
            TimerQueues<K> timers = new TimerQueues<>(opening, database);
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
            if (ours) {
                restore.run(handles, contents.manifests(), opening, database, timers, restored);
            } else if (!handles.isEmpty()) {
                LOG.info(
                        "Restored {} from {} handles of a savepoint or of Flink's RocksDB backend:"
                                + " everything was read, in {} ms",
                        parameters.getOperatorIdentifier(),
                        handles.size(),
                        restore.millis());
            }
            if (!ours) {
                metrics.recovery().prewarm(PrewarmStatus.SKIPPED);
            }
            RocksDBKeyedStateBackend<K> backend =
                    assemble(opening, database, timers, restored::loadWhole);
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

    private LocalDatabase.Opening<K> opening() {
        return new LocalDatabase.Opening<>(
                parameters,
                local,
                StateSerializerProvider.fromNewRegisteredSerializer(parameters.getKeySerializer()),
                keyGroupPrefixBytes,
                familyOptions,
                ttlFilters,
                guard,
                cancel);
    }

    private Hydrator hydrator(PagedRocksDB db) {
        return new Hydrator(
                parameters.getOperatorIdentifier(),
                db.linker(),
                loader,
                threads.executor(),
                settings.hydration(work),
                HydrationPace.ofProcess(sleeper, HeapPressure.ofProcess().or(db.pressure())),
                tier.room());
    }

    private RocksDBKeyedStateBackend<K> assemble(
            LocalDatabase.Opening<K> opening,
            LocalDatabase<K> database,
            TimerQueues<K> timers,
            Consumer<String> whole) {
        Environment env = parameters.getEnv();
        PagedRocksDB db = database.paged();
        RocksDBResourceContainer container = local.container();
        RocksDBWriteBatchWrapper batch =
                new RocksDBWriteBatchWrapper(
                        db, container.getWriteOptions(), local.writeBatchBytes());
        writers.add(batch);
        RocksDBManualCompactionManager compactions =
                RocksDBManualCompactionManager.create(
                        db, local.compactions(), env.getIOManager().getExecutorService());
        writers.add(compactions);
        LazySnapshotStrategy<K> snapshots =
                new LazySnapshotStrategy<>(
                        db,
                        new LazySnapshotStrategy.Owner<>(
                                guard,
                                opening.keySerializer().currentSchemaSerializer(),
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
                        env::failExternally,
                        patience);
        return new PagedBackend<>(
                opening,
                database,
                tracking,
                new PagedBackend.Writers(batch, compactions, timers.factory(batch, compactions)),
                snapshots,
                new Migrations(database.states(), whole),
                timers.prefetch(settings.prefetch(), metrics));
    }

    /** Whoever has closed this backend is about to end the task, and knows better why. */
    private void failTask(Throwable cause) {
        if (!cancel.isClosed()) {
            parameters.getEnv().failExternally(cause);
        }
    }

    private ColumnFamilyOptions overlayOptions() {
        return tier.limit(local.overlay().get());
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
        leftovers.addAll(writers);
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
