package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.run.RowBlock;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The rows that were read most come along with a restore, and are never older than the others. */
class HotRowsTest {
    private static final int KEYS = 20_000;
    private static final int HOT_KEYS = 20;
    private static final int READS = 200;
    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<Long> LIST =
            new ListStateDescriptor<>("list", LongSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private KeyedStateHandle handle;

    @BeforeEach
    void readSomeKeysOften() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.HYBRID);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(4 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(64 << 10));
        try (TestTask task = TestTask.start(start(all()))) {
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                task.state(VALUE).update(value(key, 1));
                task.state(LIST).add(key);
            }
            task.checkpoint(1, jobManager);
            readHotKeys(task, 1);
            handle = task.checkpoint(2, jobManager);
        }
    }

    @Test
    void readingThemTouchesNoPage() throws Exception {
        try (TestTask task = TestTask.restore(start(all()), List.of(handle))) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isGreaterThanOrEqualTo(HOT_KEYS);
            assertHotWithoutFault(task, 1);
            task.key(KEYS - 1);
            assertThat(task.state(VALUE).value()).isEqualTo(value(KEYS - 1, 1));
            assertThat(task.metrics().faults().sum()).isOne();
        }
    }

    @Test
    void theyComeWithTheManifestAndAreFewBytes() throws Exception {
        try (TestTask task = TestTask.restore(start(all()), List.of(handle))) {
            assertThat(task.reads().requests()).isOne();
        }
        RowBlock hot = new WrittenCheckpoint(handle).manifest().hot().get("value");
        long state =
                new WrittenCheckpoint(handle)
                        .runs("value").stream().mapToLong(run -> run.meta().tableBytes()).sum();
        assertThat(hot.toBytes().length).isLessThan((int) (state / 20));
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void theyAreAtHandInEveryMode(LoadingMode mode) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        try (TestTask task = TestTask.restore(start(all()), List.of(handle))) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isGreaterThanOrEqualTo(HOT_KEYS);
            assertHotWithoutFault(task, 1);
        }
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void theySurviveARestartInWhichNobodyReadsThem(LoadingMode mode) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        KeyedStateHandle next;
        try (TestTask task = TestTask.restore(start(all()), List.of(handle))) {
            next = task.checkpoint(3, jobManager);
        }
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.HYBRID);
        try (TestTask task = TestTask.restore(start(all()), List.of(next))) {
            assertHotWithoutFault(task, 1);
            assertThat(task.metrics().faults().sum()).isZero();
        }
    }

    @Test
    void theySurviveARescale() throws Exception {
        int hot = 0;
        for (KeyGroupRange part : List.of(KeyGroupRange.of(0, 40), KeyGroupRange.of(41, 127))) {
            try (TestTask task = TestTask.restore(start(part), List.of(handle))) {
                for (long key = 0; key < HOT_KEYS; key++) {
                    if (part.contains(TestTask.keyGroupOf(key))) {
                        task.key(key);
                        assertThat(task.state(VALUE).value()).isEqualTo(value(key, 1));
                        hot++;
                    }
                }
                assertThat(task.metrics().faults().sum()).isZero();
            }
        }
        assertThat(hot).isEqualTo(HOT_KEYS);
    }

    @Test
    void whatIsWrittenHidesThem() throws Exception {
        KeyedStateHandle next;
        try (TestTask task = TestTask.restore(start(all()), List.of(handle))) {
            for (long key = 0; key < HOT_KEYS; key += 2) {
                task.key(key);
                task.state(VALUE).update(value(key, 2));
                task.state(LIST).clear();
            }
            for (long key = 0; key < HOT_KEYS; key++) {
                task.key(key);
                assertThat(task.state(VALUE).value()).isEqualTo(value(key, key % 2 == 0 ? 2 : 1));
            }
            next = task.checkpoint(3, jobManager);
        }
        try (TestTask task = TestTask.restore(start(all()), List.of(next))) {
            for (long key = 0; key < HOT_KEYS; key++) { // still hot, with the values of now
                task.key(key);
                assertThat(task.state(VALUE).value()).isEqualTo(value(key, key % 2 == 0 ? 2 : 1));
            }
            assertThat(task.metrics().faults().sum()).isZero();
            task.key(0);
            assertThat(task.state(LIST).get()).isNullOrEmpty();
        }
    }

    @Test
    void theyGoWhenTheirExtentsAreResident() throws Exception {
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
        try (TestTask task = TestTask.restore(start(all()), List.of(handle))) {
            task.key(KEYS - 1);
            assertThat(task.state(VALUE).value()).isEqualTo(value(KEYS - 1, 1));
            TestTask.awaitHydration();
            task.key(0);
            task.state(VALUE).update(value(0, 2));
            assertThat(task.database().coldExtents()).isEmpty();
            long answered = task.metrics().hotReads().sum();
            for (long key = 0; key < HOT_KEYS; key++) {
                task.key(key);
                assertThat(task.state(VALUE).value()).isEqualTo(value(key, key == 0 ? 2 : 1));
            }
            assertThat(task.metrics().hotReads().sum()).isEqualTo(answered);
        }
    }

    private static KeyGroupRange all() {
        return KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(checkpoints, config, keyGroups, store -> store);
    }

    private static String value(long key, int version) {
        return "value " + version + " of key " + key;
    }

    private static void readHotKeys(TestTask task, int version) throws Exception {
        ValueState<String> value = task.state(VALUE);
        for (int i = 0; i < READS; i++) {
            for (long key = 0; key < HOT_KEYS; key++) {
                task.key(key);
                assertThat(value.value()).isEqualTo(value(key, version));
            }
            task.key(i + HOT_KEYS); // so that no key falls between the samples
            value.value();
        }
    }

    private static void assertHotWithoutFault(TestTask task, int version) throws Exception {
        long faults = task.metrics().faults().sum();
        for (long key = 0; key < HOT_KEYS; key++) {
            task.key(key);
            assertThat(task.state(VALUE).value()).isEqualTo(value(key, version));
        }
        assertThat(task.metrics().faults().sum()).isEqualTo(faults);
    }
}
