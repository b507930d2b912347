package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointProperties;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job that goes on from another job's native savepoint as its own. */
class ClaimedSavepointTest {
    private static final int KEYS = 300;
    private static final ValueStateDescriptor<Long> VALUE =
            new ValueStateDescriptor<>("value", LongSerializer.INSTANCE);

    @TempDir Path directory;

    @Test
    void itsFilesAreWhereLaterCheckpointsSay() throws Exception {
        String savepoint = savepoint(start());
        TestTask.Start start = start();
        TestJobManager jobManager = jobManager(start);
        jobManager.restore(savepoint, RecoveryClaimMode.CLAIM);
        try (TestTask task = TestTask.restore(start, latest(jobManager))) {
            for (int id = 2; id < 4; id++) {
                jobManager.trigger(id, 1, TestJobManager.CHECKPOINT);
                jobManager.acknowledge(id, 0, task.snapshot(id));
                task.backend().notifyCheckpointComplete(id);
            }
        }
        // It knows nothing but the checkpoint's metadata.
        try (TestTask task = TestTask.restore(start, latest(jobManager.successor()))) {
            ValueState<Long> value = task.state(VALUE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                assertThat(value.value()).isEqualTo(key);
            }
        }
    }

    /** Returns where its metadata is. */
    private static String savepoint(TestTask.Start start) throws Exception {
        TestJobManager jobManager = jobManager(start);
        try (TestTask task = TestTask.start(start)) {
            ValueState<Long> value = task.state(VALUE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                value.update(key);
            }
            jobManager.trigger(
                    1, 1, CheckpointProperties.forSavepoint(false, SavepointFormatType.NATIVE));
            RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                    task.trigger(
                            1,
                            CheckpointOptions.alignedNoTimeout(
                                    SavepointType.savepoint(SavepointFormatType.NATIVE),
                                    CheckpointStorageLocationReference.getDefault()));
            future.run();
            return jobManager
                    .acknowledge(1, 0, future.get().getJobManagerOwnedSnapshot())
                    .getExternalPointer();
        }
    }

    /** The handles of the latest checkpoint, as its metadata describes them. */
    private static Collection<KeyedStateHandle> latest(TestJobManager jobManager) throws Exception {
        List<CompletedCheckpoint> retained = jobManager.retained();
        String pointer = retained.get(retained.size() - 1).getExternalPointer();
        return TestJobManager.handles(
                jobManager.load(pointer, TestJobManager.CHECKPOINT),
                KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1));
    }

    private static TestJobManager jobManager(TestTask.Start start) throws Exception {
        return new TestJobManager(start.storage(start.job()), 1);
    }

    private TestTask.Start start() {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(256));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(1024));
        return new TestTask.Start(
                directory,
                config,
                KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1),
                r -> r,
                new JobID(),
                TestTask.MAX_PARALLELISM);
    }
}
