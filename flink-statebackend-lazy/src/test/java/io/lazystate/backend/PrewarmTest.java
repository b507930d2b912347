package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.metrics.PrewarmStatus;
import io.lazystate.store.RangedReader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of warming, and for whom bytes were read. */
class PrewarmTest {
    private static final long KEYS = 500;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private StoreGate gate;
    private KeyedStateHandle handle;
    private WrittenCheckpoint written;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        try (TestTask task = TestTask.start(start(store -> store))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("value " + key);
            }
            assertThat(task.metrics().recovery().status()).isEqualTo(PrewarmStatus.SKIPPED);
            handle = task.checkpoint(1, new TestJobManager());
        }
        written = new WrittenCheckpoint(handle);
    }

    @Test
    void isPendingThenRunningThenCompleted() throws Exception {
        try (TestTask task = restore(store -> new StoreGate(store).holdDownloads())) {
            assertThat(task.metrics().recovery().status())
                    .as("it begins by itself after seconds in which no row was used")
                    .isIn(PrewarmStatus.PENDING, PrewarmStatus.RUNNING);
            read(task, 1);
            gate.awaitDownloads(1);
            assertThat(task.metrics().recovery().status()).isEqualTo(PrewarmStatus.RUNNING);
            assertThat(task.metrics().pendingPages().sum()).isPositive();
            gate.letDownloadsPass(1_000);
            TestTask.awaitHydration();
            assertThat(task.metrics().recovery().status()).isEqualTo(PrewarmStatus.COMPLETED);
            task.settled();
            assertThat(task.metrics().pendingPages().sum()).isZero();
            assertThat(
                            task.metrics().bytes(LoadCause.WARM_UP).sum()
                                    + task.metrics().bytes(LoadCause.HYDRATE).sum())
                    .isEqualTo(tableBytes());
            assertThat(task.metrics().pages(LoadCause.DEMAND).sum()).isEqualTo(1);
            assertThat(task.metrics().stallNanos().sum()).isPositive();
            assertTotalsAreSums(task.metrics());
        }
    }

    @Test
    void failsWithoutHarmToTheTask() throws Exception {
        for (var run : written.runs("v")) {
            Damage.FLIPPED.apply(
                    WrittenCheckpoint.file(run.object().handle()),
                    run.offset() + run.pageTable().page(0).offset() + 10);
        }
        try (TestTask task = restore(StoreGate::new)) {
            task.key(1);
            task.state(STATE).update("new");
            TestTask.awaitHydration();
            assertThat(task.metrics().recovery().status()).isEqualTo(PrewarmStatus.FAILED);
            read(task, 1, "new");
        }
    }

    @Test
    void isOffIfHydrationIs() throws Exception {
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        try (TestTask task = restore(StoreGate::new)) {
            read(task, 1);
            assertThat(task.metrics().recovery().status()).isEqualTo(PrewarmStatus.OFF);
        }
    }

    @Test
    void isSkippedIfEverythingWasLoadedBefore() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = restore(StoreGate::new)) {
            assertThat(task.metrics().recovery().status()).isEqualTo(PrewarmStatus.SKIPPED);
            assertThat(task.metrics().bytes(LoadCause.PRELOAD).sum()).isEqualTo(tableBytes());
            read(task, 1);
            assertThat(task.metrics().stallNanos().sum()).as("resident").isZero();
            assertTotalsAreSums(task.metrics());
        }
    }

    @Test
    void flinkIsToldHowLongARestoreTook() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = restore(StoreGate::new)) {
            assertThat(task.initialization())
                    .containsOnlyKeys("DownloadStateDurationMs", "RestoreStateDurationMs");
            assertThat(task.initialization().get("RestoreStateDurationMs"))
                    .isGreaterThanOrEqualTo(task.initialization().get("DownloadStateDurationMs"));
        }
    }

    private void assertTotalsAreSums(LoadingMetrics metrics) {
        assertThat(metrics.bytesRead().sum())
                .isEqualTo(
                        Arrays.stream(LoadCause.values())
                                .mapToLong(cause -> metrics.bytes(cause).sum())
                                .sum());
        assertThat(metrics.pagesLoaded().sum())
                .isEqualTo(
                        Arrays.stream(LoadCause.values())
                                .mapToLong(cause -> metrics.pages(cause).sum())
                                .sum());
    }

    private long tableBytes() throws Exception {
        return written.runs("v").stream().mapToLong(run -> run.meta().tableBytes()).sum();
    }

    private TestTask restore(UnaryOperator<RangedReader> store) throws Exception {
        return TestTask.restore(
                start(
                        reader -> {
                            gate = (StoreGate) store.apply(reader);
                            return gate;
                        }),
                List.of(handle));
    }

    private TestTask.Start start(UnaryOperator<RangedReader> store) {
        return TestTask.Start.withStore(checkpoints, config, store);
    }

    private static void read(TestTask task, long key) throws Exception {
        read(task, key, "value " + key);
    }

    private static void read(TestTask task, long key, String value) throws Exception {
        task.key(key);
        assertThat(task.state(STATE).value()).isEqualTo(value);
    }
}
