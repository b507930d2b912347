package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Full checkpoints that somebody asks for while others are built upon: whatever becomes of one, and
 * whenever the task hears of it, the files that the task reads stay, and later checkpoints are
 * valid and small.
 */
class FullInBetweenTest {
    private static final int KEYS = 2_000;
    private static final CheckpointOptions ORDINARY =
            CheckpointOptions.forCheckpointWithDefaultLocation();
    private static final CheckpointOptions FULL =
            new CheckpointOptions(
                    CheckpointType.FULL_CHECKPOINT,
                    CheckpointStorageLocationReference.getDefault());
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    /** When the task hears that the full checkpoint is complete. */
    enum News {
        IN_TIME,
        OVERTAKEN_BY_A_CAPTURE,
        OVERTAKEN_BY_A_CHECKPOINT,
        LOST
    }

    @TempDir Path checkpoints;

    private final TestJobManager jobManager = new TestJobManager();
    private final Map<Long, String> expected = new HashMap<>();
    private final AtomicReference<StoreGate> gate = new AtomicReference<>();

    @ParameterizedTest
    @EnumSource(News.class)
    void laterCheckpointsOfColdStateAreValid(News news) throws Exception {
        laterCheckpointsAreValid(LoadingMode.LAZY, news);
    }

    @ParameterizedTest
    @EnumSource(News.class)
    void laterCheckpointsOfResidentStateAreValid(News news) throws Exception {
        laterCheckpointsAreValid(LoadingMode.EAGER, news);
    }

    private void laterCheckpointsAreValid(LoadingMode mode, News news) throws Exception {
        TestTask.Start start = start(mode, false);
        KeyedStateHandle handle = writeFirst(start);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            update(task, 50);
            task.checkpoint(2, jobManager);
            update(task, 60);
            jobManager.complete(3, write(task.trigger(3, FULL)));
            tell(task, 3, news == News.IN_TIME);
            for (long id = 4; id < 8; id++) {
                update(task, 70 + (int) id);
                RunnableFuture<SnapshotResult<KeyedStateHandle>> phase = task.trigger(id, ORDINARY);
                tell(task, 3, news == News.OVERTAKEN_BY_A_CAPTURE && id == 4);
                handle = write(phase);
                jobManager.complete(id, handle);
                tell(task, 3, news == News.OVERTAKEN_BY_A_CHECKPOINT && id == 4);
                task.backend().notifyCheckpointComplete(id);
            }
            verify(task);
        }
        verifyRestored(start, handle);
    }

    private static void tell(TestTask task, long id, boolean now) throws Exception {
        if (now) {
            task.backend().notifyCheckpointComplete(id);
        }
    }

    @Test
    void coldRowsAreReadBeforeTheTaskHearsThatItIsComplete() throws Exception {
        TestTask.Start start = start(LoadingMode.LAZY, false);
        try (TestTask task = TestTask.restore(start, List.of(writeFirst(start)))) {
            update(task, 50);
            task.checkpoint(2, jobManager);
            jobManager.complete(3, write(task.trigger(3, FULL)));
            verify(task);
            task.backend().notifyCheckpointComplete(3);
            verify(task);
        }
    }

    @Test
    void whatIsStillBeingHydratedIsThereForLaterCheckpoints() throws Exception {
        TestTask.Start start = start(LoadingMode.LAZY, true);
        KeyedStateHandle last;
        try (TestTask task = TestTask.restore(start, List.of(writeFirst(start)))) {
            gate.get().awaitDownloads(1);
            update(task, 50);
            task.checkpoint(2, jobManager);
            KeyedStateHandle full = write(task.trigger(3, FULL));
            jobManager.complete(3, full);
            task.backend().notifyCheckpointComplete(3);
            update(task, 60);
            last = task.checkpoint(4, jobManager);
            verify(task);
        }
        verifyRestored(start(LoadingMode.LAZY, false), last);
    }

    @Test
    void soAreThoseOfWhichAnOrdinaryOneHasCopies() throws Exception {
        TestTask.Start start = start(LoadingMode.LAZY, false);
        try (TestTask task = TestTask.restore(start, List.of(writeFirst(start)))) {
            update(task, 50);
            task.checkpoint(2, jobManager);
            jobManager.complete(3, write(task.trigger(3, ORDINARY, CopyingStreams::new)));
            verify(task);
            task.backend().notifyCheckpointComplete(3);
            verify(task);
        }
    }

    @Test
    void itsManifestNeedsNoEarlierFile() throws Exception {
        TestTask.Start start = start(LoadingMode.LAZY, false);
        KeyedStateHandle full;
        try (TestTask task = TestTask.restore(start, List.of(writeFirst(start)))) {
            update(task, 50);
            task.checkpoint(2, jobManager);
            full = write(task.trigger(3, FULL));
            WrittenCheckpoint written = new WrittenCheckpoint(full);
            assertThat(written.placeholders()).as("kept for the task alone").isPositive();
            Set<Path> own = written.newFiles();
            assertThat(written.runs("v"))
                    .allSatisfy(
                            run ->
                                    assertThat(own)
                                            .contains(
                                                    WrittenCheckpoint.file(run.object().handle())));
        }
    }

    @Test
    void filesOfEarlierOnesGoOnceALaterOneIsBuiltUponIt() throws Exception {
        TestTask.Start start = start(LoadingMode.LAZY, false);
        KeyedStateHandle first = writeFirst(start);
        Set<Path> earlier = new HashSet<>(new WrittenCheckpoint(first).newFiles());
        try (TestTask task = TestTask.restore(start, List.of(first))) {
            task.checkpoint(2, jobManager);
            jobManager.complete(3, write(task.trigger(3, FULL)));
            assertThat(earlier).allSatisfy(file -> assertThat(file).exists());
            task.backend().notifyCheckpointComplete(3);
            update(task, 50);
            task.checkpoint(4, jobManager);
            assertThat(earlier).noneSatisfy(file -> assertThat(file).exists());
            verify(task);
        }
    }

    @Test
    void ofALaterOneThatAbortsNothingIsNeeded() throws Exception {
        TestTask.Start start = start(LoadingMode.LAZY, false);
        try (TestTask task = TestTask.restore(start, List.of(writeFirst(start)))) {
            task.checkpoint(2, jobManager);
            jobManager.complete(3, write(task.trigger(3, FULL)));
            KeyedStateHandle aborted = write(task.trigger(4, ORDINARY));
            aborted.discardState();
            task.backend().notifyCheckpointComplete(3);
            task.backend().notifyCheckpointAborted(4);
            update(task, 50);
            KeyedStateHandle next = task.checkpoint(5, jobManager);
            verify(task);
            assertThat(next.getCheckpointedSize()).isLessThan(next.getStateSize() / 2);
        }
    }

    @Test
    void firstOneThatAbortsLeavesLaterOnesSmall() throws Exception {
        assertThat(bytesOfOrdinaryOnes(true)).isEqualTo(bytesOfOrdinaryOnes(false));
    }

    /** What ordinary checkpoints write behind a restore, of which only the last completes. */
    private long bytesOfOrdinaryOnes(boolean fullFirst) throws Exception {
        expected.clear();
        TestJobManager manager = new TestJobManager();
        TestTask.Start start =
                new TestTask.Start(checkpoints.resolve("full" + fullFirst), config(false));
        KeyedStateHandle first;
        try (TestTask task = TestTask.start(start)) {
            update(task, 1);
            first = task.checkpoint(1, manager);
        }
        long bytes = 0;
        KeyedStateHandle last = first;
        try (TestTask task = TestTask.restore(start, List.of(first))) {
            if (fullFirst) {
                write(task.trigger(2, FULL)).discardState();
                task.backend().notifyCheckpointAborted(2);
            }
            for (long id = 3; id < 6; id++) {
                update(task, 700);
                last = task.snapshot(id);
                bytes += new WrittenCheckpoint(last).newFiles().size();
                assertThat(new WrittenCheckpoint(last).placeholders())
                        .isGreaterThanOrEqualTo(new WrittenCheckpoint(first).newFiles().size());
                if (id < 5) {
                    last.discardState();
                    task.backend().notifyCheckpointAborted(id);
                }
            }
            manager.complete(5, last);
            task.backend().notifyCheckpointComplete(5);
            verify(task);
        }
        verifyRestored(start, last);
        return bytes;
    }

    // ------------------------------------------------------------------ fixture

    private Configuration config(boolean hydration) {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, hydration);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        return config;
    }

    private TestTask.Start start(LoadingMode mode, boolean hydration) {
        Configuration config = config(hydration);
        config.set(LazyStateOptions.LOADING_MODE, mode);
        return TestTask.Start.withStore(
                checkpoints,
                config,
                store -> {
                    gate.set(new StoreGate(store));
                    return hydration ? gate.get().holdDownloads() : gate.get();
                });
    }

    private KeyedStateHandle writeFirst(TestTask.Start start) throws Exception {
        try (TestTask task = TestTask.start(start)) {
            update(task, 1);
            return task.checkpoint(1, jobManager);
        }
    }

    private static KeyedStateHandle write(RunnableFuture<SnapshotResult<KeyedStateHandle>> phase)
            throws Exception {
        phase.run();
        return phase.get().getJobManagerOwnedSnapshot();
    }

    private void update(TestTask task, int step) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key += step) {
            String value = "value " + expected.size() + " with step " + step + " of key " + key;
            task.key(key);
            state.update(value);
            expected.put(key, value);
        }
    }

    private void verify(TestTask task) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(state.value()).as("key " + key).isEqualTo(expected.get(key));
        }
    }

    private void verifyRestored(TestTask.Start start, KeyedStateHandle handle) throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            verify(task);
        }
    }
}
