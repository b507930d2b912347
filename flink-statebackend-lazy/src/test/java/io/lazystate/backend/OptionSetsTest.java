package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.nio.file.ExtendedOpenOption;
import io.lazystate.ScratchDirectory;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever options a user gives RocksDB, no row is lost and none comes back. */
class OptionSetsTest {
    private static final List<Long> KEYS = LongStream.range(0, 30).boxed().toList();
    private static final long ADOPTED_KEYS = 300;
    private static final KeyGroupRange ALL = KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);
    private static final List<KeyGroupRange> HALVES =
            List.of(KeyGroupRange.of(0, 70), KeyGroupRange.of(71, TestTask.MAX_PARALLELISM - 1));

    private final Configuration config = new Configuration();
    private final JobID job = new JobID();
    private final Random random = new Random(12);
    private final StepLog log = new StepLog();

    @TempDir Path onDisk;

    private ScratchDirectory directory;
    private Path local;
    private TestJobManager jobManager;
    private CompletedCheckpoint completed;
    private OptionSet set = OptionSet.NONE;
    private StateModel model = new StateModel(TestTask.MAX_PARALLELISM);
    private long checkpoint;

    /** Lives that came to the end of evictions, and those in which the overlay gave rows back. */
    private static final AtomicLong lives = new AtomicLong();

    private static final AtomicLong drops = new AtomicLong();

    /** Steps may leave an iterator open, which needs the overlay; not in most lives. */
    @AfterAll
    static void theOverlayGaveRowsBack() {
        assertThat(drops.get()).isGreaterThanOrEqualTo(lives.get() / 2);
    }

    @BeforeEach
    void configure() throws Exception {
        directory = new ScratchDirectory("options");
        local = Files.createDirectory(directory.path().resolve("local"));
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(2 << 10));
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, MemorySize.ofMebiBytes(1 << 20));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        config.set(RocksDBConfigurableOptions.WRITE_BUFFER_SIZE, new MemorySize(64 << 10));
        load(LoadingMode.LAZY);
        jobManager = new TestJobManager(start(ALL).storage(job), 1);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        try (ScratchDirectory used = directory) {
            Leftovers.assertNone(local, used.path());
        }
    }

    @ParameterizedTest
    @EnumSource(OptionSet.class)
    void noRowIsLostAndNoneComesBack(OptionSet options) throws Exception {
        set = options;
        set.applyTo(config);
        if (set.needsDirectIo()) {
            local = onDisk;
            assumeTrue(takesDirectIo(local), "the file system has no direct I/O");
            config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        }
        run(List.of(ALL), this::write);
        run(List.of(ALL), this::coldThenLinkedThenEvicted);
        run(HALVES, this::coldAndLinked);
        load(LoadingMode.EAGER);
        run(List.of(ALL), this::resident);
        load(LoadingMode.LAZY);
        run(HALVES, FuzzSubtask::checkAll);
    }

    /** Flink copies what several handles have, with iterators of its own. */
    @ParameterizedTest
    @EnumSource(
            value = OptionSet.class,
            names = {
                "NONE",
                "FIXED_PREFIX_9",
                "PREFIX_BLOOM",
                "PREFIX_BLOOM_WITHOUT_WHOLE_KEYS",
                "HASH_INDEX",
                "HASH_INDEX_WITH_FILTER",
                "PARTITIONED_INDEX_AND_FILTERS",
                "HASH_LINKED_LIST"
            })
    void ordinaryCheckpointsAreAdoptedWhole(OptionSet options) throws Exception {
        set = options;
        set.applyTo(config);
        List<TestTask> tasks = new ArrayList<>();
        try {
            for (KeyGroupRange range : HALVES) {
                TestTask task =
                        TestTask.ofFlink(
                                start(range), new EmbeddedRocksDBStateBackend(true), List.of());
                tasks.add(task);
                new SampleStates(task, range).update(2, ADOPTED_KEYS, 1);
            }
            complete(tasks);
        } finally {
            tasks.forEach(TestTask::close);
        }
        try (TestTask task = TestTask.restore(start(ALL), handles(ALL))) {
            var timers = task.timers("timers");
            for (long key = 0; key < ADOPTED_KEYS; key++) {
                task.key(key);
                assertThat(task.state(SampleStates.VALUE).value()).isEqualTo("2 " + key);
                assertThat(task.state(SampleStates.LIST).get()).containsExactly("2 " + key);
                assertThat(task.state(SampleStates.MAP).keys())
                        .containsExactlyInAnyOrder("one", "at 2");
                assertThat(timers.poll()).isEqualTo(TestTask.timer(2000L + key, key));
            }
        }
    }

    private interface Work {
        void on(FuzzSubtask subtask) throws Exception;
    }

    private void write(FuzzSubtask subtask) throws Exception {
        subtask.fill();
        steps(subtask, 150);
        checkpointAlone(subtask);
        steps(subtask, 60);
        subtask.checkAll();
    }

    private void coldThenLinkedThenEvicted(FuzzSubtask subtask) throws Exception {
        assertThat(subtask.task.database().coldExtents()).hasSizeGreaterThan(5);
        subtask.checkAll();
        steps(subtask, 80);
        subtask.hydrator(local).link(5, null);
        steps(subtask, 80);
        subtask.checkAll();
        linkAll(subtask);
        subtask.checkAll();
        steps(subtask, 40);
        evictAll(subtask);
        steps(subtask, 40);
        subtask.checkAll();
        checkpointAlone(subtask);
        checkpointAlone(subtask);
        subtask.task.database().localSpace().shrinkOverlay(Double.MAX_VALUE);
        lives.incrementAndGet();
        drops.addAndGet(Long.signum(subtask.task.metrics().overlayDrops().sum()));
        subtask.task.database().localSpace().reclaim();
        subtask.checkAll();
        linkAll(subtask);
        steps(subtask, 40);
        subtask.checkAll();
    }

    private void coldAndLinked(FuzzSubtask subtask) throws Exception {
        subtask.checkAll();
        steps(subtask, 60);
        subtask.hydrator(local).link(6, null);
        steps(subtask, 60);
        subtask.checkAll();
    }

    private void resident(FuzzSubtask subtask) throws Exception {
        assertThat(subtask.task.database().coldExtents()).isEmpty();
        subtask.checkAll();
        steps(subtask, 60);
        restoreSavepoint(subtask);
    }

    private static void linkAll(FuzzSubtask subtask) throws Exception {
        subtask.hydrator(null).link(Integer.MAX_VALUE, null);
        subtask.task.database().settle();
        assertThat(subtask.task.database().coldExtents()).isEmpty();
    }

    private static void evictAll(FuzzSubtask subtask) {
        var space = subtask.task.database().localSpace();
        space.setGenerationBytes(1);
        space.evict(space.evictable(state -> true));
        space.reclaim();
    }

    private static void steps(FuzzSubtask subtask, int steps) throws Exception {
        for (int i = 0; i < steps; i++) {
            subtask.step();
        }
    }

    // ------------------------------------------------------------------ attempts

    /** Restores one attempt of the job, works on each subtask, and ends with a checkpoint. */
    private void run(List<KeyGroupRange> ranges, Work work) throws Exception {
        List<FuzzSubtask> subtasks = new ArrayList<>();
        try {
            for (KeyGroupRange range : ranges) {
                subtasks.add(subtask(range, handles(range), model.within(range)));
            }
            model = new StateModel(TestTask.MAX_PARALLELISM);
            for (FuzzSubtask subtask : subtasks) {
                work.on(subtask);
                model.addAll(subtask.model);
            }
            checkpoint(subtasks);
        } finally {
            subtasks.forEach(FuzzSubtask::close);
        }
    }

    private FuzzSubtask subtask(
            KeyGroupRange range, Collection<KeyedStateHandle> handles, StateModel itsModel)
            throws Exception {
        TestTask.Start start = start(range);
        Set<String> unknown = set.keepsEmptyValues() ? Set.of() : Set.of("timers");
        return new FuzzSubtask(
                start,
                TestTask.restore(start, handles),
                itsModel,
                new FuzzSchema(unknown, 1),
                KEYS,
                random,
                new Coverage(),
                log);
    }

    private void checkpointAlone(FuzzSubtask subtask) throws Exception {
        checkpoint(List.of(subtask));
    }

    private void checkpoint(List<FuzzSubtask> subtasks) throws Exception {
        complete(subtasks.stream().map(subtask -> subtask.task).toList());
    }

    private void complete(List<TestTask> tasks) throws Exception {
        long id = ++checkpoint;
        jobManager.trigger(id, tasks.size(), TestJobManager.CHECKPOINT);
        for (int i = 0; i < tasks.size(); i++) {
            completed = jobManager.acknowledge(id, i, tasks.get(i).snapshot(id));
        }
        for (TestTask task : tasks) {
            task.backend().notifyCheckpointComplete(id);
        }
    }

    private void restoreSavepoint(FuzzSubtask subtask) throws Exception {
        var savepoint =
                subtask.task.trigger(
                        ++checkpoint,
                        CheckpointOptions.alignedNoTimeout(
                                SavepointType.savepoint(SavepointFormatType.CANONICAL),
                                CheckpointStorageLocationReference.getDefault()));
        savepoint.run();
        KeyedStateHandle handle = savepoint.get().getJobManagerOwnedSnapshot();
        try (FuzzSubtask restored = subtask(ALL, List.of(handle), subtask.model.copy())) {
            restored.checkAll();
        }
    }

    private Collection<KeyedStateHandle> handles(KeyGroupRange keyGroups) throws Exception {
        return completed == null
                ? List.of()
                : TestJobManager.handles(
                        jobManager.load(completed.getExternalPointer(), TestJobManager.CHECKPOINT),
                        keyGroups);
    }

    private static boolean takesDirectIo(Path directory) throws IOException {
        Path probe = Files.createTempFile(directory, "direct", "");
        try (FileChannel opened =
                FileChannel.open(probe, StandardOpenOption.READ, ExtendedOpenOption.DIRECT)) {
            return opened.isOpen();
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        } finally {
            Files.delete(probe);
        }
    }

    private void load(LoadingMode mode) {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.HYDRATION_ENABLED, mode != LoadingMode.LAZY);
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(
                directory.path(), config, keyGroups, store -> store, job, TestTask.MAX_PARALLELISM);
    }
}
