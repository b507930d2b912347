package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.ScratchDirectory;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointProperties;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.ConfigurableStateBackend;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.FileUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Savepoints of half cold state: what they cost, what they need, and who can read them. */
class SavepointTest {
    private static final int KEYS = 600;
    private static final KeyGroupRange ALL = KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);

    /** The backends of Flink that a job moves from and to. */
    enum OfFlink {
        ROCKSDB,
        HASHMAP;

        ConfigurableStateBackend backend() {
            return this == ROCKSDB
                    ? new EmbeddedRocksDBStateBackend(true)
                    : new HashMapStateBackend();
        }
    }

    private ScratchDirectory directory;
    private Path checkpoints;
    private Path local;

    private final Configuration config = new Configuration();
    private TestTask.Start start;
    private TestJobManager jobManager;
    private Map<String, String> rows;

    @BeforeEach
    void configure() throws Exception {
        directory = new ScratchDirectory("savepoint");
        checkpoints = Files.createDirectory(directory.path().resolve("checkpoints"));
        local = Files.createDirectory(directory.path().resolve("local"));
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        newJob();
    }

    private void newJob() throws IOException {
        start =
                new TestTask.Start(
                        checkpoints,
                        config,
                        ALL,
                        store -> store,
                        new JobID(),
                        TestTask.MAX_PARALLELISM);
        jobManager = new TestJobManager(start.storage(start.job()), 1);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        try (ScratchDirectory used = directory) {
            Leftovers.assertNone(local, used.path());
        }
    }

    @ParameterizedTest
    @EnumSource(OfFlink.class)
    void aCanonicalOneReadsColdRowsInItsAsynchronousPartAndOthersCanRestoreIt(OfFlink other)
            throws Exception {
        writeCheckpoints();
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(1));
        KeyedStateHandle savepoint;
        try (TestTask task = TestTask.restore(start, latest())) {
            SampleStates states = new SampleStates(task, ALL);
            halfLoad(task, states);
            rows = LogicalRows.of(task);
            assertThat(task.database().coldExtents()).isNotEmpty();
            long before = task.settled().reads().requests(); // pages were read ahead

            RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                    trigger(task, 5, SavepointType.savepoint(SavepointFormatType.CANONICAL));

            assertThat(task.settled().reads().requests()).as("synchronous part").isEqualTo(before);
            states.update(6, KEYS, 7); // not in it
            long inBetween = task.settled().reads().requests();
            savepoint = finish(future);
            assertThat(task.reads().requests()).isGreaterThan(inBetween);
        }
        try (TestTask task = TestTask.ofFlink(start, other.backend(), List.of(savepoint))) {
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
        }
        try (TestTask task = TestTask.restore(start, List.of(savepoint))) {
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
        }
    }

    @ParameterizedTest
    @EnumSource(OfFlink.class)
    void aJobMovesFromAnotherBackendToThisOneAndOn(OfFlink other) throws Exception {
        KeyedStateHandle savepoint;
        try (TestTask task = TestTask.ofFlink(start, other.backend(), List.of())) {
            SampleStates states = new SampleStates(task, ALL);
            states.update(1, KEYS, 1);
            states.update(2, KEYS, 3);
            rows = LogicalRows.of(task);
            savepoint = canonical(task, 1);
        }
        try (TestTask task = TestTask.restore(start, List.of(savepoint))) {
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
            complete(task, 2, CheckpointType.FULL_CHECKPOINT);
        }
        try (TestTask task = TestTask.restore(start, latest())) {
            assertThat(task.database().coldExtents()).isNotEmpty();
            new SampleStates(task, ALL).update(3, KEYS, 5);
            rows = LogicalRows.of(task);
            savepoint = canonical(task, 3);
        }
        try (TestTask task = TestTask.ofFlink(start, other.backend(), List.of(savepoint))) {
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
            new SampleStates(task, ALL).update(5, KEYS, 11);
            assertThat(LogicalRows.of(task)).isNotEqualTo(rows);
        }
    }

    /**
     * The timers of a checkpoint are then in the operator's own state, those of a savepoint not.
     */
    @ParameterizedTest
    @EnumSource(OfFlink.class)
    void timersOnTheHeapMoveWithACanonicalOneToo(OfFlink other) throws Exception {
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, PriorityQueueStateType.HEAP);
        KeyedStateHandle savepoint;
        try (TestTask task = TestTask.ofFlink(start, other.backend(), List.of())) {
            new SampleStates(task, ALL).update(1, KEYS, 1);
            rows = LogicalRows.of(task);
            savepoint = canonical(task, 1);
        }
        assertThat(rows.keySet()).filteredOn(row -> row.startsWith("timers ")).isNotEmpty();
        for (int i = 0; i < 2; i++) {
            try (TestTask task = TestTask.restore(start, List.of(savepoint))) {
                assertThat(LogicalRows.of(task)).isEqualTo(rows);
                savepoint = canonical(task, 2 + i);
            }
        }
        try (TestTask task = TestTask.ofFlink(start, other.backend(), List.of(savepoint))) {
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
        }
    }

    @Test
    void timersOfACheckpointAreNotLostWhenTheJobKeepsThemOnTheHeapFromNowOn() throws Exception {
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start)) {
            new SampleStates(task, ALL).update(1, KEYS, 1);
            handle = task.checkpoint(1, new TestJobManager());
        }
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, PriorityQueueStateType.HEAP);
        Throwable failure = catchThrowable(() -> TestTask.restore(start, List.of(handle)).close());
        assertThat(ExceptionUtils.findThrowable(failure, LazyStateException.class).orElseThrow())
                .hasMessageContaining("timers")
                .hasMessageContaining("timer-service.factory to ROCKSDB")
                .extracting(LazyStateException::kind)
                .isEqualTo(Kind.INVALID);
    }

    @ParameterizedTest
    @EnumSource(RecoveryClaimMode.class)
    void aNativeOneNeedsNothingElseAndCanBeMoved(RecoveryClaimMode mode) throws Exception {
        writeCheckpoints();
        Path savepoint;
        try (TestTask task = TestTask.restore(start, latest())) {
            halfLoad(task, new SampleStates(task, ALL));
            rows = LogicalRows.of(task);
            assertThat(task.database().coldExtents()).isNotEmpty();
            savepoint = complete(task, 5, SavepointType.savepoint(SavepointFormatType.NATIVE));
        }
        Path moved = checkpoints.resolve("moved");
        Files.move(savepoint, moved);
        FileUtils.deleteDirectory(checkpoints.resolve(start.job().toString()).toFile());
        newJob();
        jobManager.restore(moved.toUri().toString(), mode);
        boolean claimed = mode == RecoveryClaimMode.CLAIM;
        try (TestTask task = TestTask.restore(start, latest())) {
            assertThat(task.database().coldExtents()).isNotEmpty();
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
            new SampleStates(task, ALL).update(7, KEYS, 9);
            rows = LogicalRows.of(task);
            complete(task, 6, claimed ? CheckpointType.CHECKPOINT : CheckpointType.FULL_CHECKPOINT);
            complete(task, 7, CheckpointType.CHECKPOINT);
        }
        if (claimed) {
            assertThat(filesOf(moved)).as("a subsumed savepoint").isEmpty();
        } else {
            FileUtils.deleteDirectory(moved.toFile());
        }
        try (TestTask task = TestTask.restore(start, latest())) {
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
        }
    }

    @Test
    void aNativeOneThatIsMovedCanBeRescaled() throws Exception {
        writeCheckpoints();
        Path savepoint;
        try (TestTask task = TestTask.restore(start, latest())) {
            rows = LogicalRows.of(task);
            savepoint = complete(task, 5, SavepointType.savepoint(SavepointFormatType.NATIVE));
        }
        Path moved = checkpoints.resolve("moved");
        Files.move(savepoint, moved);
        newJob();
        jobManager.restore(moved.toUri().toString(), RecoveryClaimMode.NO_CLAIM);
        Map<String, String> restored = new TreeMap<>();
        for (KeyGroupRange part : List.of(KeyGroupRange.of(0, 37), KeyGroupRange.of(38, 127))) {
            TestTask.Start partial = new TestTask.Start(checkpoints, config, part, store -> store);
            try (TestTask task = TestTask.restore(partial, latest(part))) {
                restored.putAll(LogicalRows.of(task));
            }
        }
        assertThat(restored).isEqualTo(rows);
    }

    /** Base runs and a delta. */
    private void writeCheckpoints() throws Exception {
        try (TestTask task = TestTask.start(start)) {
            SampleStates states = new SampleStates(task, ALL);
            states.update(1, KEYS, 1);
            complete(task, 1, CheckpointType.CHECKPOINT);
            states.update(2, KEYS, 10);
            complete(task, 2, CheckpointType.CHECKPOINT);
        }
    }

    private void halfLoad(TestTask task, SampleStates states) throws Exception {
        states.update(3, KEYS, 13);
        new StepwiseHydrator(task, local).link(7, null);
        states.update(4, KEYS, 17);
    }

    private KeyedStateHandle canonical(TestTask task, long id) throws Exception {
        return finish(trigger(task, id, SavepointType.savepoint(SavepointFormatType.CANONICAL)));
    }

    private static RunnableFuture<SnapshotResult<KeyedStateHandle>> trigger(
            TestTask task, long id, SnapshotType type) throws Exception {
        return task.trigger(
                id,
                CheckpointOptions.alignedNoTimeout(
                        type, CheckpointStorageLocationReference.getDefault()));
    }

    private static KeyedStateHandle finish(RunnableFuture<SnapshotResult<KeyedStateHandle>> future)
            throws Exception {
        future.run();
        return future.get().getJobManagerOwnedSnapshot();
    }

    /** Returns the directory of its metadata. */
    private Path complete(TestTask task, long id, SnapshotType type) throws Exception {
        jobManager.trigger(
                id,
                1,
                type instanceof SavepointType savepoint
                        ? CheckpointProperties.forSavepoint(false, savepoint.getFormatType())
                        : TestJobManager.CHECKPOINT);
        KeyedStateHandle handle = finish(trigger(task, id, type));
        CompletedCheckpoint completed = jobManager.acknowledge(id, 0, handle);
        if (!type.isSavepoint()) {
            task.backend().notifyCheckpointComplete(id);
        }
        return Path.of(URI.create(completed.getExternalPointer()).getPath());
    }

    private Collection<KeyedStateHandle> latest() throws Exception {
        return latest(ALL);
    }

    private Collection<KeyedStateHandle> latest(KeyGroupRange keyGroups) throws Exception {
        List<CompletedCheckpoint> retained = jobManager.retained();
        String pointer = retained.get(retained.size() - 1).getExternalPointer();
        return TestJobManager.handles(
                jobManager.load(pointer, TestJobManager.CHECKPOINT), keyGroups);
    }

    private static List<Path> filesOf(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
