package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A job that does not own the checkpoint it started from (restore mode NO_CLAIM): Flink asks for a
 * full checkpoint first, and when that is complete its JobManager knows none of the old files, and
 * their owner may delete them.
 */
class NotClaimedTest {
    private static final int KEYS = 2_000;
    private static final CheckpointOptions FULL =
            new CheckpointOptions(
                    CheckpointType.FULL_CHECKPOINT,
                    CheckpointStorageLocationReference.getDefault());
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final AtomicReference<StoreGate> gate = new AtomicReference<>();
    private final Map<Long, String> expected = new HashMap<>();
    private final TestJobManager jobManager = new TestJobManager();
    private TestTask.Start start;
    private KeyedStateHandle notClaimed;

    @BeforeEach
    void writeCheckpointOfAnotherJob() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        start =
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store -> {
                            gate.set(new StoreGate(store).holdDownloads());
                            return gate.get();
                        });
        try (TestTask task = TestTask.start(start)) {
            update(task, 0, 1);
            notClaimed = task.checkpoint(1, new TestJobManager());
        }
    }

    @Test
    void whatIsStillBeingHydratedBelongsToNoLaterCheckpoint() throws Exception {
        KeyedStateHandle own;
        try (TestTask task = TestTask.restore(start, List.of(notClaimed))) {
            gate.get().awaitDownloads(1);
            update(task, 1, 100);
            complete(task, 2, FULL);
            task.backend().notifyCheckpointComplete(2);
            update(task, 2, 150);
            own = complete(task, 3, CheckpointOptions.forCheckpointWithDefaultLocation());
            task.backend().notifyCheckpointComplete(3);
            assertThat(files(own)).doesNotContainAnyElementsOf(files(notClaimed));
            deleteNotClaimed();
            verify(task);
        }
        verifyRestored(own);
    }

    @Test
    void aCheckpointThatOvertakesTheNewsOfTheFullOneIsFullToo() throws Exception {
        KeyedStateHandle own;
        try (TestTask task = TestTask.restore(start, List.of(notClaimed))) {
            update(task, 1, 100);
            complete(task, 2, FULL);
            update(task, 2, 150);
            own = complete(task, 3, CheckpointOptions.forCheckpointWithDefaultLocation());
            task.backend().notifyCheckpointComplete(2);
            task.backend().notifyCheckpointComplete(3);
            assertThat(files(own)).doesNotContainAnyElementsOf(files(notClaimed));
            deleteNotClaimed();
            verify(task);
        }
        verifyRestored(own);
    }

    /** Takes a checkpoint and completes it in the JobManager; the task is not told yet. */
    private KeyedStateHandle complete(TestTask task, long id, CheckpointOptions options)
            throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> phase = task.trigger(id, options);
        phase.run();
        KeyedStateHandle handle = phase.get().getJobManagerOwnedSnapshot();
        jobManager.complete(id, handle);
        return handle;
    }

    private void verifyRestored(KeyedStateHandle handle) throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            verify(task);
        }
    }

    private void verify(TestTask task) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(state.value()).as("key " + key).isEqualTo(expected.get(key));
        }
    }

    private void update(TestTask task, int version, int step) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key += step) {
            String value = "version " + version + " of key " + key;
            task.key(key);
            state.update(value);
            expected.put(key, value);
        }
    }

    private void deleteNotClaimed() throws IOException {
        WrittenCheckpoint old = new WrittenCheckpoint(notClaimed);
        for (Path file : old.newFiles()) {
            Files.delete(file);
        }
        Files.delete(old.manifestFile());
    }

    private static Set<String> files(KeyedStateHandle handle) {
        return ((IncrementalRemoteKeyedStateHandle) handle)
                .getSharedState().stream().map(f -> f.getLocalPath()).collect(Collectors.toSet());
    }
}
