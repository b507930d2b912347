package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several tasks over the one loader of their TaskManager. */
class SharedLoadingTest {
    private static final long KEYS = 1_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private StoreGate gate;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        config.set(LazyStateOptions.LOADER_THREADS, 8);
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("value " + key);
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
    }

    @Test
    void aTaskWhoseHydrationHangsHoldsUpNeitherItsFaultsNorOtherTasks() throws Exception {
        try (TestTask hanging = TestTask.restore(gated(), List.of(handle))) {
            read(hanging, 0);
            gate.awaitDownloads(4);
            for (long key = 1; key < KEYS; key += 50) {
                read(hanging, key);
            }
            config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
            config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 2);
            try (TestTask other =
                    TestTask.restore(new TestTask.Start(checkpoints, config), List.of(handle))) {
                for (long key = 0; key < KEYS; key += 50) {
                    read(other, key);
                }
            }
            read(hanging, 2);
            gate.letDownloadsPass(1_000);
            TestTask.awaitHydration();
            assertThat(hanging.metrics().extentsLinked().sum())
                    .as("the other's end was none of its business")
                    .isEqualTo(new WrittenCheckpoint(handle).extents("v").size());
        }
    }

    private TestTask.Start gated() {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        return TestTask.Start.withStore(
                checkpoints,
                config,
                store -> {
                    gate = new StoreGate(store).holdDownloads();
                    return gate;
                });
    }

    private static void read(TestTask task, long key) throws Exception {
        task.key(key);
        assertThat(task.state(STATE).value()).isEqualTo("value " + key);
    }
}
