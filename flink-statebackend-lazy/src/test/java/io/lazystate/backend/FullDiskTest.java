package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.store.StateHandleReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A local disk that takes no more files fails what needs one, says so, and harms nothing else. */
class FullDiskTest {
    private static final int KEYS = 1_000;
    private static final int LONG_KEY_BYTES = 4 << 10;

    /** So much of changed keys fills a change log's memory at the second unwritten checkpoint. */
    private static final int LONG_KEYS = (3 << 20) / LONG_KEY_BYTES;

    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;
    @TempDir Path local;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private TestTask.Start start;
    private LocalDisk disk;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        start = new TestTask.Start(checkpoints, config);
        disk = new LocalDisk(local);
        try (TestTask task = TestTask.start(start)) {
            update(task, "old", 1);
            handle = task.checkpoint(1, jobManager);
        }
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        assertThat(local).isEmptyDirectory();
    }

    @Test
    void aCheckpointThatFindsNoRoomFailsAndTheNextOneHasAllItsChanges() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            update(task, "new", 3);
            Set<Path> before = filesOfStore();
            disk.refuse();

            assertRefused(catchThrowable(() -> task.snapshot(2)));

            assertThat(filesOfStore()).isEqualTo(before);
            disk.accept();
            handle = task.checkpoint(3, jobManager);
        }
        verify("new", 3);
    }

    /** Without it the task's disposal would wait for the failed capture. */
    @Test
    void aCaptureThatFindsNoRoomHoldsNothing() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            update(task, "new", 3);
            List<RunnableFuture<SnapshotResult<KeyedStateHandle>>> unwritten = new ArrayList<>();
            for (int id = 2; id < 4; id++) {
                updateLongKeys(task);
                unwritten.add(trigger(task, id));
            }
            disk.refuse();
            updateLongKeys(task);
            assertRefused(catchThrowable(() -> trigger(task, 4)));
            disk.accept();
            unwritten.forEach(future -> future.cancel(true));
            assertThat(task.database().getLongProperty("rocksdb.num-snapshots")).isZero();
            handle = task.checkpoint(5, jobManager);
        }
        verify("new", 3);
    }

    @Test
    void aChangeThatFindsNoRoomInTheLogFailsTheTask() throws Exception {
        Throwable failure = null;
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            update(task, "new", 3);
            MapState<String, String> map = task.state(MAP);
            task.key(1);
            disk.refuse();
            for (int i = 0; failure == null; i++) {
                String key = longKey(i);
                failure = catchThrowable(() -> map.put(key, "value"));
            }
            assertRefused(failure);
            disk.accept();

            assertThat(task.failures()).containsExactly(failure);
            assertThat(catchThrowable(() -> map.put("another", "value")))
                    .hasMessageContaining("An earlier access")
                    .hasCause(failure);
            assertThat(catchThrowable(() -> trigger(task, 2)))
                    .hasMessageContaining("An earlier access");
        }
        verify("old", 1);
    }

    @Test
    void hydrationThatFindsNoRoomLeavesStateColdAndReadable() throws Exception {
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
        StoreGate gate = new StoreGate(new StateHandleReader()).holdDownloads();
        start = TestTask.Start.withStore(checkpoints, config, store -> gate);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            update(task, "new", 3);
            gate.awaitDownloads(1);
            disk.refuse();
            gate.letDownloadsPass(KEYS);
            TestTask.awaitHydration();
            assertThat(task.metrics().extentsLinked().sum()).isZero();
            verify(task, "new", 3);
            disk.accept();
            handle = task.checkpoint(2, jobManager);
        }
        verify("new", 3);
    }

    @Test
    void aRestoreThatFindsNoRoomFails() throws Exception {
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.resolve("database").toString());
        Files.createFile(local.resolve("database"));
        assertThat(catchThrowable(() -> TestTask.restore(start, List.of(handle)).close()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(local.resolve("database").toString());
        Files.delete(local.resolve("database"));
    }

    @Test
    void aRestoreWhoseDownloadsFindNoRoomFails() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 1);
        start =
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store ->
                                new StepReader(
                                        new StateHandleReader(),
                                        (step, object) -> {
                                            if (step == StepReader.Step.DOWNLOAD) {
                                                disk.refuse();
                                            }
                                        }));
        Throwable failure = catchThrowable(() -> TestTask.restore(start, List.of(handle)).close());
        assertThat(failure).isInstanceOf(BackendBuildingException.class);
        assertRefused(failure);
    }

    private static void assertRefused(Throwable failure) {
        LazyStateException e =
                ExceptionUtils.findThrowable(failure, LazyStateException.class).orElseThrow();
        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("disk");
    }

    private static RunnableFuture<SnapshotResult<KeyedStateHandle>> trigger(TestTask task, long id)
            throws Exception {
        return task.trigger(id, CheckpointOptions.forCheckpointWithDefaultLocation());
    }

    private static void update(TestTask task, String version, int step) throws Exception {
        ValueState<String> state = task.state(VALUE);
        for (long key = 0; key < KEYS; key += step) {
            task.key(key);
            state.update(version + " " + key);
        }
    }

    private static void updateLongKeys(TestTask task) throws Exception {
        MapState<String, String> state = task.state(MAP);
        task.key(1);
        for (int i = 0; i < LONG_KEYS; i++) {
            state.put(longKey(i), "value");
        }
    }

    private static String longKey(int i) {
        return i + "-".repeat(LONG_KEY_BYTES);
    }

    private void verify(String version, int step) throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            verify(task, version, step);
        }
    }

    private static void verify(TestTask task, String version, int step) throws Exception {
        ValueState<String> state = task.state(VALUE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(state.value()).isEqualTo((key % step == 0 ? version : "old") + " " + key);
        }
    }

    private Set<Path> filesOfStore() throws IOException {
        try (Stream<Path> files = Files.walk(checkpoints)) {
            return files.filter(Files::isRegularFile).collect(Collectors.toSet());
        }
    }
}
