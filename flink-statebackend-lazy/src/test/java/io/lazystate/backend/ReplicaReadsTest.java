package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
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
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.FileUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is lost or damaged in the checkpoint directory is read from a copy of it (I3, I7, I8). */
class ReplicaReadsTest {
    private static final int KEYS = 1_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path directory;

    private final Configuration config = new Configuration();
    private Path checkpoints;
    private Path replica;
    private TestTask.Start start;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeCheckpointAndCopyIt() throws Exception {
        checkpoints = Files.createDirectory(directory.resolve("checkpoints"));
        replica = directory.resolve("replica");
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        start = new TestTask.Start(checkpoints, config);
        TestJobManager jobManager = new TestJobManager();
        try (TestTask task = TestTask.start(start)) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("old " + key);
            }
            task.checkpoint(1, jobManager);
            for (long key = 0; key < KEYS; key += 10) {
                task.key(key);
                state.update("new " + key);
            }
            handle = task.checkpoint(2, jobManager);
        }
        FileUtils.copy(
                new org.apache.flink.core.fs.Path(checkpoints.toUri()),
                new org.apache.flink.core.fs.Path(replica.toUri()),
                false);
        config.set(
                LazyStateOptions.REPLICA_DIRS,
                List.of(directory.resolve("empty").toUri().toString(), replica.toString()));
    }

    @ParameterizedTest
    @EnumSource
    void pagesManifestsAndIndexes(Damage damage) throws Exception {
        damageEverything(damage);
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(1));
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            assertComplete(task);
            assertThat(task.metrics().replicaReads().sum()).isGreaterThan(KEYS / 2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void wholeFilesThatAreLinked(Damage damage) throws Exception {
        damageEverything(damage);
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            long replicaReads = task.metrics().replicaReads().sum();
            assertThat(task.metrics().extentsLinked().sum()).isPositive();
            assertThat(replicaReads).isGreaterThan(task.metrics().extentsLinked().sum());
            assertComplete(task);
            assertThat(task.metrics().replicaReads().sum()).isEqualTo(replicaReads);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatASelfContainedCheckpointCopies(Damage damage) throws Exception {
        damageEverything(damage);
        KeyedStateHandle copy;
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            RunnableFuture<SnapshotResult<KeyedStateHandle>> phase =
                    task.trigger(
                            3,
                            new CheckpointOptions(
                                    CheckpointType.FULL_CHECKPOINT,
                                    CheckpointStorageLocationReference.getDefault()));
            phase.run();
            copy = phase.get().getJobManagerOwnedSnapshot();
        }
        config.removeConfig(LazyStateOptions.REPLICA_DIRS);
        try (TestTask task = TestTask.restore(start, List.of(copy))) {
            assertComplete(task);
        }
    }

    /** The checkpoint directory is told, and need not be one with the job's id in it. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whereverTheJobWroteIt(boolean told) throws Exception {
        if (told) {
            config.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints.toString());
        }
        damageEverything(Damage.MISSING);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            assertComplete(task);
        }
    }

    @Test
    void whatIsDamagedEverywhereFailsByItsName() throws Exception {
        Run run = new WrittenCheckpoint(handle).extents("v").get(0).base();
        Path file = WrittenCheckpoint.file(run.object().handle());
        Damage.MISSING.apply(file);
        Damage.TRUNCATED.apply(replica.resolve(checkpoints.relativize(file)));
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);

        Throwable failure = catchThrowable(() -> TestTask.restore(start, List.of(handle)).close());

        LazyStateException e =
                ExceptionUtils.findThrowable(failure, LazyStateException.class).orElseThrow();
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where().object()).isEqualTo(run.object().location());
        assertThat(e.where().state()).isEqualTo("v");
    }

    private void assertComplete(TestTask task) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(state.value()).isEqualTo((key % 10 == 0 ? "new " : "old ") + key);
        }
    }

    private void damageEverything(Damage damage) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.walk(checkpoints)) {
            all = files.filter(Files::isRegularFile).toList();
        }
        assertThat(all).isNotEmpty();
        for (Path file : all) {
            long[] every = new long[(int) (Files.size(file) / 50)];
            for (int i = 0; i < every.length; i++) {
                every[i] = 50L * i;
            }
            damage.apply(file, every);
        }
    }
}
