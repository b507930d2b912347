package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.run.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a checkpoint copies that may not refer to earlier files: the runs that it keeps. */
class SelfContainedSizeTest {
    private static final int KEYS = 4_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private TestTask.Start start;

    static Stream<SnapshotType> selfContained() {
        return Stream.of(
                SavepointType.savepoint(SavepointFormatType.NATIVE),
                CheckpointType.FULL_CHECKPOINT);
    }

    @BeforeEach
    void smallExtents() {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(32 << 10));
        start = new TestTask.Start(checkpoints, config);
    }

    @ParameterizedTest
    @MethodSource("selfContained")
    void whatIsWrittenAnewIsNotCopiedAsWell(SnapshotType type) throws Exception {
        try (TestTask task = TestTask.start(start)) {
            update(task, 1, KEYS);
            KeyedStateHandle first = task.checkpoint(1, new TestJobManager());
            assertThat(new WrittenCheckpoint(first).extents("v")).hasSizeGreaterThan(2);

            // Of the lower key groups most rows change, so their extents fold; the others' do not.
            update(task, 2, KEYS, TestTask.MAX_PARALLELISM / 2);
            WrittenCheckpoint full = new WrittenCheckpoint(snapshot(task, type));

            assertThat(full.placeholders() > 0)
                    .as("refers to earlier files, which the task still reads")
                    .isNotEqualTo(type.isSavepoint());
            assertThat(full.runs("v"))
                    .as("some extents fold, others are kept")
                    .hasSizeGreaterThan(2);
            assertThat(bytes(full))
                    .as("bytes of its files, all of them in runs that its manifest names")
                    .isEqualTo(full.runs("v").stream().mapToLong(this::regionBytes).sum());
        }
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void aDividedExtentIsWrittenInPart(LoadingMode mode) throws Exception {
        Configuration config = new Configuration(); // one extent for all
        KeyedStateHandle whole;
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            update(task, 1, KEYS);
            whole = task.checkpoint(1, new TestJobManager());
        }
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        long parts = 0;
        for (KeyGroupRange half : List.of(KeyGroupRange.of(0, 63), KeyGroupRange.of(64, 127))) {
            try (TestTask task =
                    TestTask.restore(
                            new TestTask.Start(checkpoints, config, half, store -> store),
                            List.of(whole))) {
                parts +=
                        bytes(
                                new WrittenCheckpoint(
                                        snapshot(task, CheckpointType.FULL_CHECKPOINT)));
            }
        }
        assertThat(parts).isLessThan(bytes(new WrittenCheckpoint(whole)) * 5 / 4);
    }

    private long regionBytes(Run run) {
        return run.meta().regionBytes();
    }

    private static long bytes(WrittenCheckpoint checkpoint) throws IOException {
        long bytes = 0;
        for (Path file : checkpoint.newFiles()) {
            bytes += Files.size(file);
        }
        return bytes;
    }

    private static KeyedStateHandle snapshot(TestTask task, SnapshotType type) throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> phase =
                task.trigger(
                        2,
                        CheckpointOptions.alignedNoTimeout(
                                type, CheckpointStorageLocationReference.getDefault()));
        phase.run();
        return phase.get().getJobManagerOwnedSnapshot();
    }

    private static void update(TestTask task, int version, int keys) throws Exception {
        update(task, version, keys, TestTask.MAX_PARALLELISM);
    }

    private static void update(TestTask task, int version, int keys, int keyGroups)
            throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < keys; key++) {
            if (TestTask.keyGroupOf(key) < keyGroups) {
                task.key(key);
                state.update("version " + version + " of key " + key);
            }
        }
    }
}
