package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.Condition;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No thread and no local file survives its backend (I10). */
class NothingLeftBehindTest {
    private static final int KEYS = 2_000;

    /** Bytes of changed keys that the change log does not keep in memory. */
    private static final int BYTES_THAT_SPILL = 6 << 20;

    private static final int LONG_KEY_BYTES = 4 << 10;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> LONG_KEYS =
            new MapStateDescriptor<>("long", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;
    @TempDir Path local;

    private final AtomicReference<StoreGate> gate = new AtomicReference<>();
    private final Configuration config = new Configuration();
    private TestTask.Start start;

    @BeforeEach
    void configure() {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        start =
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store -> {
                            gate.set(new StoreGate(store));
                            return gate.get();
                        });
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        Leftovers.assertNone(local, checkpoints);
    }

    @Test
    void whenTheChangeLogHasSpilled() throws Exception {
        config.removeConfig(LazyStateOptions.EXTENT_SIZE); // few files
        try (TestTask task = TestTask.start(start)) {
            updateLongKeys(task);
            assertThat(files(work())).as("spill files").isNotEmpty();
            task.checkpoint(1, new TestJobManager());
            assertThat(files(work())).as("of a completed checkpoint").isEmpty();
            updateLongKeys(task);
            assertThat(files(work())).as("spill files").isNotEmpty();
        }
    }

    @Test
    void whenEverythingWasHydrated() throws Exception {
        KeyedStateHandle handle = firstCheckpoint();
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            int cold = new WrittenCheckpoint(handle).extents("v").size();
            assertThat(cold).isGreaterThanOrEqualTo(10);
            task.key(1);
            assertThat(task.state(STATE).value()).isEqualTo("value 1");
            TestTask.awaitHydration();
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(cold);
            assertThat(files(work())).as("linked files were moved").isEmpty();
        }
    }

    @Test
    void whenClosedInTheMidstOfHydration() throws Exception {
        KeyedStateHandle handle = firstCheckpoint();
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            gate.get().holdDownloads();
            task.key(1);
            assertThat(task.state(STATE).value()).isEqualTo("value 1");
            gate.get().awaitDownloads(1);
            assertThat(threads()).isNotEmpty();
        }
    }

    @Test
    void whenTheRestoreFails() throws Exception {
        KeyedStateHandle handle = firstCheckpoint();
        Files.delete(new WrittenCheckpoint(handle).manifestFile());
        assertThatThrownBy(() -> TestTask.restore(start, List.of(handle)).close())
                .isInstanceOf(BackendBuildingException.class);
    }

    /** It copies runs, and the store does not answer. */
    @Test
    void whenACheckpointIsCancelledThatWaitsForTheStore() throws Exception {
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        KeyedStateHandle handle = firstCheckpoint();
        List<Path> before = files(checkpoints);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            gate.get().expectWaves(2); // of which one comes
            RunnableFuture<SnapshotResult<KeyedStateHandle>> checkpoint =
                    task.trigger(
                            2,
                            new CheckpointOptions(
                                    CheckpointType.FULL_CHECKPOINT,
                                    CheckpointStorageLocationReference.getDefault()));
            Thread writer = new Thread(checkpoint, "writer");
            writer.start();
            Condition.await("it waits for the store", () -> gate.get().missing() < 2);
            checkpoint.cancel(true);
            writer.join();
            assertThat(task.database().getLongProperty("rocksdb.num-snapshots")).isZero();
        }
        assertThat(files(checkpoints)).containsAll(before);
        assertThat(files(checkpoints)).filteredOn(Files::isRegularFile).isSubsetOf(before);
    }

    private KeyedStateHandle firstCheckpoint() throws Exception {
        try (TestTask task = TestTask.start(start)) {
            update(task, KEYS);
            return task.checkpoint(1, new TestJobManager());
        }
    }

    private static void update(TestTask task, int keys) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < keys; key++) {
            task.key(key);
            state.update("value " + key);
        }
    }

    private static void updateLongKeys(TestTask task) throws Exception {
        MapState<String, String> state = task.state(LONG_KEYS);
        task.key(1);
        for (int i = 0; i < BYTES_THAT_SPILL / LONG_KEY_BYTES; i++) {
            state.put(i + "-".repeat(LONG_KEY_BYTES), "value");
        }
    }

    private Path work() throws IOException {
        try (Stream<Path> backends = Files.list(local)) {
            return backends.findFirst().orElseThrow().resolve("lazy");
        }
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> !file.equals(directory)).toList();
        }
    }

    private static Stream<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("lazy-state"));
    }
}
