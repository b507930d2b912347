package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.ScratchDirectory;
import io.lazystate.loading.CountedReads;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.metrics.LoadCause;
import io.lazystate.run.RunFormat;
import io.lazystate.snapshot.LazySnapshotStrategy;
import io.lazystate.snapshot.Patience;
import io.lazystate.snapshot.SnapshotSettings;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.LocalRecoveryConfig;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Snapshots that were begun and come to nothing hold nothing, else no task could end. */
class AbandonedSnapshotsTest {
    private static final KeyGroupRange ALL = KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);

    private ScratchDirectory directory;
    private Path local;
    private TestTask.Start start;

    @BeforeEach
    void configure() throws Exception {
        directory = new ScratchDirectory("abandoned");
        local = Files.createDirectory(directory.path().resolve("local"));
        Configuration config = new Configuration();
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        Path checkpoints = Files.createDirectory(directory.path().resolve("checkpoints"));
        start = new TestTask.Start(checkpoints, config);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        try (ScratchDirectory used = directory) {
            Leftovers.assertNone(local, used.path());
        }
    }

    static List<SnapshotType> types() {
        return List.of(
                CheckpointType.CHECKPOINT,
                CheckpointType.FULL_CHECKPOINT,
                SavepointType.savepoint(SavepointFormatType.NATIVE),
                SavepointType.savepoint(SavepointFormatType.CANONICAL));
    }

    /** As when a test fails between the two parts. */
    @ParameterizedTest
    @MethodSource("types")
    void aTaskEndsThoughOneWasNeverWritten(SnapshotType type) throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> unwritten;
        try (TestTask task = TestTask.start(start)) {
            new SampleStates(task, ALL).update(1, 100, 1);
            unwritten =
                    task.trigger(
                            1,
                            CheckpointOptions.alignedNoTimeout(
                                    type, CheckpointStorageLocationReference.getDefault()));
        }
        assertThat(unwritten.isCancelled()).isTrue();
    }

    @Test
    void oneThatFailsBehindItsCaptureGivesItBack() throws Exception {
        try (TestTask task = TestTask.start(start);
                ResourceGuard guard = new ResourceGuard()) {
            new SampleStates(task, ALL).update(1, 100, 1);
            LazySnapshotStrategy<Long> failing = failing(task, guard);

            assertThatThrownBy(() -> failing.syncPrepareResources(1)).hasMessage("as it should");

            assertThat(guard.getLeaseCount()).isZero();
            assertThat(task.database().getLongProperty("rocksdb.num-snapshots")).isZero();
        }
    }

    /** One that comes as far as the captured database. */
    private LazySnapshotStrategy<Long> failing(TestTask task, ResourceGuard guard) {
        return new LazySnapshotStrategy<>(
                task.database(),
                new LazySnapshotStrategy.Owner<>(
                        guard,
                        LongSerializer.INSTANCE,
                        new LinkedHashMap<>(),
                        ALL,
                        1,
                        LocalRecoveryConfig.BACKUP_AND_RECOVERY_DISABLED,
                        local.toFile()),
                new SnapshotSettings(
                        RunFormat.ofPages(1 << 10),
                        1 << 20,
                        local,
                        new CountedReads(
                                new StateHandleReader(), LoadCause.SNAPSHOT, task.metrics()),
                        StepwiseHydrator.loader(),
                        new CheckpointMetrics()),
                () -> {
                    throw new IllegalStateException("as it should");
                },
                failure -> {},
                Patience.BOUNDED);
    }
}
