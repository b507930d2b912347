package io.lazystate.backend;

import io.lazystate.Condition;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.metrics.StoreMetrics;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.snapshot.Patience;
import io.lazystate.store.CountingReader;
import io.lazystate.store.RangedReader;
import io.lazystate.store.Sleeper;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RunnableFuture;
import java.util.function.UnaryOperator;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.jobgraph.JobVertexID;
import org.apache.flink.runtime.operators.testutils.MockEnvironment;
import org.apache.flink.runtime.operators.testutils.MockEnvironmentBuilder;
import org.apache.flink.runtime.query.KvStateRegistry;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.CheckpointStorageAccess;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.ConfigurableStateBackend;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.KeyedStateBackendParametersImpl;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SavepointResources;
import org.apache.flink.runtime.state.SavepointSnapshotStrategy;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.SnapshotStrategyRunner;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.runtime.state.ttl.TtlTimeProvider;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.streaming.api.operators.TimerSerializer;
import org.apache.flink.util.IOUtils;
import org.rocksdb.RocksDB;

/**
 * One subtask's keyed backend with Long keys, driven as a task and its coordinator would.
 *
 * <p>Every read from the store is counted; closing disposes the backend.
 */
final class TestTask implements AutoCloseable {
    static final int MAX_PARALLELISM = 128;

    private final MockEnvironment env;
    private final CheckpointStorageAccess storage;
    private final AbstractKeyedStateBackend<Long> backend;
    private final CountingPorts ports;
    private final List<RunnableFuture<?>> triggered = new CopyOnWriteArrayList<>();

    private TestTask(
            MockEnvironment env,
            CheckpointStorageAccess storage,
            AbstractKeyedStateBackend<Long> backend,
            CountingPorts ports) {
        this.env = env;
        this.storage = storage;
        this.backend = backend;
        this.ports = ports;
    }

    /** What a task is started with; handles empty for a fresh start. */
    record Start(
            Path checkpoints,
            Configuration config,
            KeyGroupRange keyGroups,
            UnaryOperator<RangedReader> store,
            JobID job,
            int maxParallelism,
            UnaryOperator<RocksDB> database) {
        Start(
                Path checkpoints,
                Configuration config,
                KeyGroupRange keyGroups,
                UnaryOperator<RangedReader> store,
                JobID job,
                int maxParallelism) {
            this(checkpoints, config, keyGroups, store, job, maxParallelism, opened -> opened);
        }

        /** The same, with another store. */
        Start reading(UnaryOperator<RangedReader> other) {
            return new Start(checkpoints, config, keyGroups, other, job, maxParallelism, database);
        }

        Start(Path checkpoints, Configuration config) {
            this(checkpoints, config, KeyGroupRange.of(0, MAX_PARALLELISM - 1), r -> r);
        }

        static Start withStore(
                Path checkpoints, Configuration config, UnaryOperator<RangedReader> store) {
            return new Start(checkpoints, config, KeyGroupRange.of(0, MAX_PARALLELISM - 1), store);
        }

        /** Each task is of a job of its own, so that it has a directory of its own. */
        Start(
                Path checkpoints,
                Configuration config,
                KeyGroupRange keyGroups,
                UnaryOperator<RangedReader> store) {
            this(checkpoints, config, keyGroups, store, null, MAX_PARALLELISM);
        }

        /** Files of up to the configured size are inlined into their handles; none by default. */
        CheckpointStorageAccess storage(JobID ofJob) throws IOException {
            int inlined =
                    (int)
                            config.getOptional(CheckpointingOptions.FS_SMALL_FILE_THRESHOLD)
                                    .orElse(MemorySize.ZERO)
                                    .getBytes();
            CheckpointStorageAccess storage =
                    new FileSystemCheckpointStorage(checkpoints.toUri(), inlined)
                            .createCheckpointStorage(ofJob);
            storage.initializeBaseLocationsForCheckpoint();
            return storage;
        }
    }

    static TestTask start(Start start) throws Exception {
        return restore(start, List.of());
    }

    static TestTask restore(Start start, Collection<KeyedStateHandle> handles) throws Exception {
        return restore(start, handles, new CloseableRegistry());
    }

    /** As above, with the clock that state expires by. */
    static TestTask restore(
            Start start, Collection<KeyedStateHandle> handles, TtlTimeProvider clock)
            throws Exception {
        return restore(start, handles, new CloseableRegistry(), clock);
    }

    /**
     * @param cancel closed by whoever cancels the restore
     */
    static TestTask restore(
            Start start, Collection<KeyedStateHandle> handles, CloseableRegistry cancel)
            throws Exception {
        return restore(start, handles, cancel, TtlTimeProvider.DEFAULT);
    }

    private static TestTask restore(
            Start start,
            Collection<KeyedStateHandle> handles,
            CloseableRegistry cancel,
            TtlTimeProvider clock)
            throws Exception {
        CountingPorts ports = new CountingPorts(start.store(), start.database());
        LazyStateBackend stateBackend =
                new LazyStateBackend(ports)
                        .configure(start.config(), TestTask.class.getClassLoader());
        return restore(start, handles, stateBackend, cancel, clock, ports);
    }

    /** A task with a backend of Flink's, which reads the store in its own way. */
    static TestTask ofFlink(
            Start start, ConfigurableStateBackend backend, Collection<KeyedStateHandle> handles)
            throws Exception {
        StateBackend configured =
                backend.configure(start.config(), TestTask.class.getClassLoader());
        CountingPorts unused = new CountingPorts(start.store(), start.database());
        return restore(
                start,
                handles,
                configured,
                new CloseableRegistry(),
                TtlTimeProvider.DEFAULT,
                unused);
    }

    private static TestTask restore(
            Start start,
            Collection<KeyedStateHandle> handles,
            StateBackend stateBackend,
            CloseableRegistry cancel,
            TtlTimeProvider clock,
            CountingPorts ports)
            throws Exception {
        JobID job = start.job() == null ? new JobID() : start.job();
        MockEnvironment env = new MockEnvironmentBuilder().setTaskName("test").build();
        CheckpointStorageAccess storage = start.storage(job);
        env.setCheckpointStorageAccess(storage);
        env.setExternalFailureCauseConsumer(ports.failures::add);
        AbstractKeyedStateBackend<Long> keyed;
        try {
            keyed =
                    (AbstractKeyedStateBackend<Long>)
                            stateBackend.createKeyedStateBackend(
                                    new KeyedStateBackendParametersImpl<>(
                                            env,
                                            job,
                                            "op",
                                            LongSerializer.INSTANCE,
                                            start.maxParallelism(),
                                            start.keyGroups(),
                                            new KvStateRegistry()
                                                    .createTaskRegistry(job, new JobVertexID()),
                                            clock,
                                            new UnregisteredMetricsGroup(),
                                            ports.initialization::put,
                                            handles,
                                            cancel,
                                            1.0));
        } catch (Exception e) {
            env.close();
            throw e;
        }
        return new TestTask(env, storage, keyed, ports);
    }

    AbstractKeyedStateBackend<Long> backend() {
        return backend;
    }

    /**
     * Returns when all has come that was asked for, also what nobody waits for: pages that are read
     * ahead, and filters. Only then does it make sense to count.
     */
    TestTask settled() {
        LoadingMetrics metrics = ports.metrics;
        Condition.await(
                "what was asked for has come",
                () -> metrics.pendingIndexes().sum() == 0 && metrics.pendingPages().sum() == 0);
        return this;
    }

    /** Reads from the store so far; of what is under way some may not have begun. */
    CountingReader reads() {
        return ports.reader;
    }

    LoadingMetrics metrics() {
        return ports.metrics;
    }

    CheckpointMetrics written() {
        return ports.written;
    }

    /** What the task was to fail with, other than by an error in its own thread. */
    List<Throwable> failures() {
        return ports.failures;
    }

    /** How its checkpoints wait for news of earlier ones from now on; not at all at first. */
    void waitWith(Patience patience) {
        ports.patience = patience;
    }

    /** What the restore told Flink of its durations. */
    Map<String, Long> initialization() {
        return ports.initialization;
    }

    /** The database under Flink's RocksDB backend, which keeps it to itself. */
    PagedRocksDB database() {
        try {
            Field db = RocksDBKeyedStateBackend.class.getDeclaredField("db");
            db.setAccessible(true);
            return (PagedRocksDB) db.get(backend);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    void key(long key) {
        backend.setCurrentKey(key);
    }

    /** Makes some key of these key groups the current one. */
    void keyIn(KeyGroupRange keyGroups) {
        long key = 0;
        while (!keyGroups.contains(keyGroupOf(key))) {
            key++;
        }
        key(key);
    }

    static int keyGroupOf(long key) {
        return KeyGroupRangeAssignment.assignToKeyGroup(key, MAX_PARALLELISM);
    }

    <S extends State, V> S state(StateDescriptor<S, V> descriptor) throws Exception {
        return backend.getPartitionedState(
                VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE, descriptor);
    }

    /** A queue of timers, which is a state of its own. */
    KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<Long, VoidNamespace>> timers(
            String name) {
        return backend.create(
                name,
                new TimerSerializer<>(LongSerializer.INSTANCE, VoidNamespaceSerializer.INSTANCE));
    }

    static TimerHeapInternalTimer<Long, VoidNamespace> timer(long timestamp, long key) {
        return new TimerHeapInternalTimer<>(timestamp, key, VoidNamespace.INSTANCE);
    }

    /** The synchronous part; running the future is the asynchronous one. */
    RunnableFuture<SnapshotResult<KeyedStateHandle>> trigger(long id, CheckpointOptions options)
            throws Exception {
        return trigger(id, options, streams -> streams);
    }

    /**
     * As above, with what may happen to the streams that the checkpoint is written to.
     *
     * <p>A canonical savepoint is written by Flink, from what the backend shows of itself.
     */
    RunnableFuture<SnapshotResult<KeyedStateHandle>> trigger(
            long id, CheckpointOptions options, UnaryOperator<CheckpointStreamFactory> mishaps)
            throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> phase = phase(id, options, mishaps);
        triggered.add(phase);
        return phase;
    }

    private RunnableFuture<SnapshotResult<KeyedStateHandle>> phase(
            long id, CheckpointOptions options, UnaryOperator<CheckpointStreamFactory> mishaps)
            throws Exception {
        CheckpointStreamFactory streams =
                mishaps.apply(
                        storage.resolveCheckpointStorageLocation(id, options.getTargetLocation()));
        if (options.getCheckpointType() instanceof SavepointType savepoint
                && savepoint.getFormatType() == SavepointFormatType.CANONICAL) {
            SavepointResources<Long> resources = backend.savepoint();
            return new SnapshotStrategyRunner<>(
                            "savepoint",
                            new SavepointSnapshotStrategy<>(resources.getSnapshotResources()),
                            new CloseableRegistry(),
                            resources.getPreferredSnapshotExecutionType())
                    .snapshot(id, 0, streams, options);
        }
        return backend.snapshot(id, 0, streams, options);
    }

    /** Both parts of an ordinary checkpoint; the handle still has placeholders. */
    KeyedStateHandle snapshot(long id) throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                trigger(id, CheckpointOptions.forCheckpointWithDefaultLocation());
        future.run();
        return future.get().getJobManagerOwnedSnapshot();
    }

    /** A checkpoint that completes, and of which the task hears. */
    KeyedStateHandle checkpoint(long id, TestJobManager jobManager) throws Exception {
        KeyedStateHandle handle = snapshot(id);
        jobManager.complete(id, handle);
        backend.notifyCheckpointComplete(id);
        return handle;
    }

    /** Returns when no backend of this process hydrates in the background any more. */
    static void awaitHydration() throws InterruptedException {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("lazy-state-hydrator")) {
                thread.join();
            }
        }
    }

    /**
     * Cancels what was triggered and has not ended, as Flink does: the backend waits for those that
     * hold its database, and a test that fails may never have run them.
     */
    @Override
    public void close() {
        triggered.forEach(phase -> phase.cancel(true));
        backend.dispose();
        IOUtils.closeQuietly(env);
    }

    private static final class CountingPorts implements Ports {
        private static final long serialVersionUID = 1L;
        private final transient CountingReader reader;
        private final transient LoadingMetrics metrics = new LoadingMetrics();
        private final transient CheckpointMetrics written = new CheckpointMetrics();
        private final transient Map<String, Long> initialization = new ConcurrentHashMap<>();
        private final transient List<Throwable> failures = new CopyOnWriteArrayList<>();
        private transient volatile Patience patience = news -> {};

        private final transient UnaryOperator<RocksDB> database;

        CountingPorts(UnaryOperator<RangedReader> store, UnaryOperator<RocksDB> database) {
            this.reader = new CountingReader(store.apply(DEFAULT.reader(metrics.store())));
            this.database = database;
        }

        @Override
        public RocksDB database(RocksDB opened) {
            return database.apply(opened);
        }

        @Override
        public RangedReader reader(StoreMetrics its) {
            return reader;
        }

        /** What is tried again is tried again at once. */
        @Override
        public Sleeper sleeper() {
            return millis -> {};
        }

        @Override
        public Patience patience() {
            return news -> patience.await(news);
        }

        @Override
        public LoadingMetrics metrics() {
            return metrics;
        }

        @Override
        public CheckpointMetrics checkpointMetrics() {
            return written;
        }
    }
}
