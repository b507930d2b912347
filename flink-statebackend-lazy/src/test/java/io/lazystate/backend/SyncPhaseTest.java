package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The synchronous part of a checkpoint notes what there is, and neither reads nor writes files. */
class SyncPhaseTest {
    private static final int KEYS = 2_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;
    @TempDir Path local;

    @Test
    void readsNothingFromTheStoreAndWritesNoFile() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        AtomicReference<StoreGate> gate = new AtomicReference<>();
        TestTask.Start start =
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store -> {
                            gate.set(new StoreGate(store));
                            return gate.get();
                        });
        TestJobManager jobManager = new TestJobManager();
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start)) {
            update(task, 0, 1);
            handle = task.checkpoint(1, jobManager);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            update(task, 1, 3);
            gate.get().close();
            Set<Path> filesBefore = files();

            RunnableFuture<SnapshotResult<KeyedStateHandle>> phase =
                    task.trigger(2, CheckpointOptions.forCheckpointWithDefaultLocation());

            assertThat(files()).isEqualTo(filesBefore);
            update(task, 2, 5); // after the capture, so not in it
            phase.run();
            handle = phase.get().getJobManagerOwnedSnapshot();
            jobManager.complete(2, handle);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key += 1) {
                task.key(key);
                assertThat(state.value()).isEqualTo(value(key, key % 3 == 0 ? 1 : 0));
            }
        }
    }

    private static void update(TestTask task, int version, int step) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key += step) {
            task.key(key);
            state.update(value(key, version));
        }
    }

    private static String value(long key, int version) {
        return "version " + version + " of the value of key " + key;
    }

    private Set<Path> files() throws IOException {
        try (Stream<Path> inStore = Files.walk(checkpoints);
                Stream<Path> inDatabase = Files.walk(local)) {
            return Stream.concat(inStore, inDatabase)
                    .filter(Files::isRegularFile)
                    .collect(Collectors.toSet());
        }
    }
}
