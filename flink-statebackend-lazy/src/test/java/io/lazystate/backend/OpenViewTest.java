package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.VoidNamespace;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What iterators and snapshots of cold state do to it, and checkpoints to them (I11). */
class OpenViewTest {
    private static final int KEYS = 500;
    private static final ValueStateDescriptor<Long> VALUE =
            new ValueStateDescriptor<>("value", LongSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private TestTask.Start start;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(100));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(1000));
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(1));
        start = new TestTask.Start(checkpoints, config);
        try (TestTask task = TestTask.start(start)) {
            update(task, 0);
            handle = task.checkpoint(1, new TestJobManager());
        }
    }

    @Test
    void aCanonicalSavepointLeavesColdStateAsItWas() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            RunnableFuture<SnapshotResult<KeyedStateHandle>> savepoint =
                    task.trigger(
                            2,
                            CheckpointOptions.alignedNoTimeout(
                                    SavepointType.savepoint(SavepointFormatType.CANONICAL),
                                    CheckpointStorageLocationReference.getDefault()));
            savepoint.run();
            savepoint.get();
            verify(task, 0);
        }
    }

    @Test
    void anIteratorReadsOnAlthoughLaterCheckpointsDoWithoutItsFiles() throws Exception {
        TestJobManager jobManager = TestJobManager.recovered(1, handle);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            List<Long> all;
            try (Stream<Long> keys = task.backend().getKeys("value", VoidNamespace.INSTANCE)) {
                all = keys.toList();
            }
            assertThat(all).hasSize(KEYS);
            try (Stream<Long> keys = task.backend().getKeys("value", VoidNamespace.INSTANCE)) {
                Iterator<Long> open = keys.iterator();
                List<Long> found = new ArrayList<>(List.of(open.next()));
                // Enough changes for every extent to be written anew.
                for (int round = 1; round <= RunBoundTest.MOST_RUNS + 2; round++) {
                    update(task, round);
                    task.checkpoint(1 + round, jobManager);
                }
                open.forEachRemaining(found::add);
                assertThat(found).isEqualTo(all);
            }
            verify(task, RunBoundTest.MOST_RUNS + 2);
        }
    }

    private static void update(TestTask task, long add) throws Exception {
        ValueState<Long> value = task.state(VALUE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            value.update(key + add);
        }
    }

    private static void verify(TestTask task, long added) throws Exception {
        ValueState<Long> value = task.state(VALUE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(value.value()).isEqualTo(key + added);
        }
    }
}
