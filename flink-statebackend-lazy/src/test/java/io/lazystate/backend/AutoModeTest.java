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

/** Mode AUTO: little state is loaded at once, more of it is not. */
class AutoModeTest {
    private static final ValueStateDescriptor<String> LARGE =
            new ValueStateDescriptor<>("large", StringSerializer.INSTANCE);
    private static final ValueStateDescriptor<String> NAMED =
            new ValueStateDescriptor<>("named", StringSerializer.INSTANCE);
    private static final long KEYS = 500;

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private KeyedStateHandle handle;
    private WrittenCheckpoint written;
    private long bytes;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PRELOAD_STATES, List.of("named"));
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.AUTO);
        try (TestTask task = TestTask.start(start())) {
            ValueState<String> large = task.state(LARGE);
            ValueState<String> named = task.state(NAMED);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                large.update("large " + key);
                named.update("named " + key);
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
        written = new WrittenCheckpoint(handle);
        for (String state : List.of("large", "named")) {
            bytes += written.runs(state).stream().mapToLong(run -> run.meta().tableBytes()).sum();
        }
    }

    @Test
    void loadsEverythingOfAStateThatIsNoLargerThanTheThreshold() throws Exception {
        config.set(LazyStateOptions.AUTO_EAGER_BELOW, new MemorySize(bytes));
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum())
                    .isEqualTo(written.extents("large").size() + written.extents("named").size());
            assertThat(task.database().coldExtents()).isEmpty();
            assertValues(task);
        }
    }

    @Test
    void loadsOnlyTheNamedStatesOfALargerOne() throws Exception {
        config.set(LazyStateOptions.AUTO_EAGER_BELOW, new MemorySize(bytes - 1));
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum())
                    .isEqualTo(written.extents("named").size());
            assertThat(task.database().coldExtents()).hasSameSizeAs(written.extents("large"));
            assertValues(task);
        }
    }

    /** Nobody asked for eager loading by name, so a store with gaps does not stop the job. */
    @Test
    void runsWithColdStateIfItCannotBeLoaded() throws Exception {
        try (TestTask task =
                TestTask.restore(
                        TestTask.Start.withStore(
                                checkpoints,
                                config,
                                store -> new StoreGate(store).refuseDownloads()),
                        List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum()).isZero();
            assertValues(task);
        }
    }

    private TestTask.Start start() {
        return new TestTask.Start(checkpoints, config);
    }

    private static void assertValues(TestTask task) throws Exception {
        ValueState<String> large = task.state(LARGE);
        ValueState<String> named = task.state(NAMED);
        for (long key = 0; key < KEYS; key += 7) {
            task.key(key);
            assertThat(large.value()).isEqualTo("large " + key);
            assertThat(named.value()).isEqualTo("named " + key);
        }
    }
}
