package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StateUtil;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the first checkpoint after a failover costs (I5), and what discarding it deletes (I12). */
class FirstCheckpointAfterRestoreTest {
    private static final int KEYS = 20_000;
    private static final int CHANGED_EACH = 100;
    private static final int VALUE_BYTES = 100;
    private static final ValueStateDescriptor<byte[]> STATE =
            new ValueStateDescriptor<>("v", BytePrimitiveArraySerializer.INSTANCE);

    @TempDir Path checkpoints;

    private TestTask.Start start;
    private KeyedStateHandle first;

    @BeforeEach
    void writeFirstCheckpoint() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(8 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(64 << 10));
        start = new TestTask.Start(checkpoints, config);
        try (TestTask task = TestTask.start(start)) {
            ValueState<byte[]> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update(value(key, 0));
            }
            first = task.checkpoint(1, new TestJobManager());
        }
        assertThat(new WrittenCheckpoint(first).extents("v")).hasSizeGreaterThanOrEqualTo(20);
    }

    @Test
    void uploadsOnlyWhatChangedAndReadsNoExtent() throws Exception {
        TestJobManager recovered = TestJobManager.recovered(1, first);
        try (TestTask task = TestTask.restore(start, List.of(first))) {
            assertThat(task.reads().requests()).as("manifest only").isEqualTo(1);
            changeOnePercent(task);
            KeyedStateHandle next = task.snapshot(2);
            assertThat(task.reads().requests()).as("no extent read").isEqualTo(1);
            long changedBytes = KEYS / CHANGED_EACH * (Long.BYTES + VALUE_BYTES);
            assertThat(next.getCheckpointedSize())
                    .isGreaterThan(changedBytes)
                    .isLessThanOrEqualTo(
                            2 * changedBytes + new WrittenCheckpoint(next).manifestBytes());
            recovered.complete(2, next);
            task.backend().notifyCheckpointComplete(2);
            ValueState<byte[]> state = task.state(STATE);
            for (long key = 0; key < KEYS; key += 7) {
                task.key(key);
                assertThat(state.value()).isEqualTo(value(key, key % CHANGED_EACH == 0 ? 1 : 0));
            }
        }
    }

    @Test
    void refersToEarlierFilesByPlaceholdersSoDiscardingItDeletesNoneOfThem() throws Exception {
        WrittenCheckpoint earlier = new WrittenCheckpoint(first);
        Set<Path> earlierFiles = earlier.newFiles();
        assertThat(earlierFiles).hasSizeGreaterThanOrEqualTo(20).allSatisfy(this::exists);
        try (TestTask task = TestTask.restore(start, List.of(first))) {
            changeOnePercent(task);
            RunnableFuture<SnapshotResult<KeyedStateHandle>> phase =
                    task.trigger(2, CheckpointOptions.forCheckpointWithDefaultLocation());
            phase.run();
            WrittenCheckpoint next =
                    new WrittenCheckpoint(phase.get().getJobManagerOwnedSnapshot());
            assertThat(next.placeholders()).isEqualTo(earlierFiles.size());
            assertThat(next.newFiles()).hasSize(1).allSatisfy(this::exists);

            // What a task does that is cancelled before the JobManager has the handle.
            StateUtil.discardStateFuture(phase);

            assertThat(next.newFiles()).noneSatisfy(this::exists);
            assertThat(next.manifestFile()).doesNotExist();
            assertThat(earlierFiles).allSatisfy(this::exists);
            assertThat(earlier.manifestFile()).exists();
        }
        try (TestTask task = TestTask.restore(start, List.of(first))) {
            ValueState<byte[]> state = task.state(STATE);
            for (long key = 0; key < KEYS; key += 7) {
                task.key(key);
                assertThat(state.value()).isEqualTo(value(key, 0));
            }
        }
    }

    private void exists(Path file) {
        assertThat(file).exists();
    }

    private static void changeOnePercent(TestTask task) throws Exception {
        ValueState<byte[]> state = task.state(STATE);
        for (long key = 0; key < KEYS; key += CHANGED_EACH) {
            task.key(key);
            state.update(value(key, 1));
        }
    }

    private static byte[] value(long key, int version) {
        byte[] value = new byte[VALUE_BYTES];
        new Random(key * 31 + version).nextBytes(value);
        return value;
    }
}
