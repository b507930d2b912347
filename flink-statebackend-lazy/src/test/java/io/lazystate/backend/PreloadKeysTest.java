package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.CapturedLog;
import io.lazystate.metrics.LoadCause;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rows of keys that the job names are at hand when it runs; what goes wrong there harms nothing.
 */
class PreloadKeysTest {
    private static final int KEYS = 5_000;
    private static final long FIRST = 1_000;
    private static final long LAST = 1_099;
    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<Long> LIST =
            new ListStateDescriptor<>("list", LongSerializer.INSTANCE);
    private static final MapStateDescriptor<String, Long> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, LongSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private KeyedStateHandle handle;

    /** Names a hundred keys. */
    public static class Hundred implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) {
            assertThat(scope.states()).containsExactlyInAnyOrder("value", "list", "map");
            assertThat(scope.numberOfKeyGroups()).isEqualTo(TestTask.MAX_PARALLELISM);
            assertThat(scope.parallelism()).isPositive();
            return LongStream.rangeClosed(FIRST, LAST).boxed().toList();
        }
    }

    /** Names them for one state only. */
    public static class HundredValues extends Hundred {
        @Override
        public boolean wants(String state) {
            return state.equals("value");
        }
    }

    /** Names every key. */
    public static class All implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) {
            return LongStream.range(0, KEYS).boxed().toList();
        }
    }

    /** Names keys of other types among others. */
    public static class Mixed implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) {
            return Arrays.asList("a string", FIRST, null, 7, FIRST + 1);
        }
    }

    /** Fails. */
    public static class Failing implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) {
            throw new IllegalStateException("no keys today");
        }
    }

    /** Never comes to an end, until it is interrupted. */
    public static class Endless implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) throws InterruptedException {
            new CountDownLatch(1).await();
            return List.of();
        }
    }

    /** Cannot be made. */
    public static final class Hidden implements PreloadKeys {
        private Hidden() {}

        @Override
        public Iterable<?> keys(Scope scope) {
            return List.of();
        }
    }

    @BeforeEach
    void writeSomeState() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.HYBRID);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(4 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(64 << 10));
        try (TestTask task = TestTask.start(start(all()))) {
            write(task, 0, KEYS, 1, 1);
            task.checkpoint(1, jobManager);
            write(task, FIRST, LAST, 3, 2); // so that some of their rows are in deltas
            task.key(FIRST + 1);
            task.state(VALUE).clear();
            handle = task.checkpoint(2, jobManager);
        }
    }

    @Test
    void readingTheirRowsTouchesNoPage() throws Exception {
        name(Hundred.class);
        try (TestTask task = restore(all())) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isEqualTo(100 + 99 + 200);
            assertThat(task.metrics().pages(LoadCause.PRELOAD).sum()).isPositive();
            assertNamedWithoutFault(task);
            assertThat(task.metrics().hotReads().sum()).isGreaterThanOrEqualTo(4 * 99);
        }
    }

    /** All pages of a cache that is too small to keep them. */
    @Test
    void theyDoNotDependOnThePageCacheOnceTheyAreLoaded() throws Exception {
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(64 << 10));
        name(HundredValues.class);
        try (TestTask task = restore(all())) {
            for (long key = 0; key < FIRST; key++) {
                task.key(key);
                task.state(LIST).get();
            }
            long faults = task.metrics().faults().sum();
            assertThat(faults).isPositive();
            for (long key = FIRST; key <= LAST; key++) {
                task.key(key);
                task.state(VALUE).value();
            }
            assertThat(task.metrics().faults().sum())
                    .as("only that of the row that was removed, which no filter rules out")
                    .isLessThanOrEqualTo(faults + 1);
        }
    }

    @Test
    void onlyStatesThatAreWantedAreLoaded() throws Exception {
        name(HundredValues.class);
        try (TestTask task = restore(all())) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isEqualTo(99);
        }
    }

    @Test
    void theirWavesAreFewAndReadPagesOnce() throws Exception {
        name(Hundred.class);
        try (TestTask task = restore(all())) {
            assertThat(task.metrics().pages(LoadCause.PRELOAD).sum())
                    .as("no page is read for two keys")
                    .isLessThanOrEqualTo(
                            new WrittenCheckpoint(handle)
                                    .manifest().states().values().stream()
                                            .flatMap(state -> state.runs().stream())
                                            .mapToLong(run -> run.meta().pageCount())
                                            .sum());
        }
    }

    @Test
    void keysOfOtherSubtasksArePassedOver() throws Exception {
        name(Hundred.class);
        long rows = 0;
        for (KeyGroupRange part : List.of(KeyGroupRange.of(0, 40), KeyGroupRange.of(41, 127))) {
            try (TestTask task = restore(part)) {
                rows += task.metrics().hotRowsLoaded().sum();
            }
        }
        assertThat(rows).isEqualTo(100 + 99 + 200);
    }

    @Test
    void whatIsWrittenHidesThem() throws Exception {
        name(Hundred.class);
        KeyedStateHandle next;
        try (TestTask task = restore(all())) {
            task.key(FIRST);
            task.state(VALUE).update("new");
            task.state(LIST).clear();
            assertThat(task.state(VALUE).value()).isEqualTo("new");
            assertThat(task.state(LIST).get()).isNullOrEmpty();
            next = task.checkpoint(3, jobManager);
        }
        try (TestTask task = TestTask.restore(start(all()), List.of(next))) {
            task.key(FIRST);
            assertThat(task.state(VALUE).value()).isEqualTo("new");
            assertThat(task.state(LIST).get()).isNullOrEmpty();
        }
    }

    @Test
    void moreRowsThanFitAreLeftToTheirUse() throws Exception {
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(32 << 10));
        name(All.class);
        try (TestTask task = restore(all())) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isPositive().isLessThan(KEYS);
            assertEverything(task);
        }
    }

    @Test
    void modeLazyLoadsNone() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        name(Failing.class);
        try (TestTask task = restore(all())) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isZero();
        }
    }

    @Test
    void keysOfOtherTypesAreIgnored() throws Exception {
        name(Mixed.class);
        List<String> log =
                CapturedLog.of(
                        Level.WARN,
                        () -> {
                            try (TestTask task = restore(all())) {
                                assertThat(task.metrics().hotRowsLoaded().sum())
                                        .isEqualTo(2 + 1 + 4);
                            }
                        });
        assertThat(log).anyMatch(line -> line.contains("named 3 keys"));
    }

    @Test
    void codeThatFailsHarmsNothing() throws Exception {
        name(Failing.class, HundredValues.class);
        List<String> log =
                CapturedLog.of(
                        Level.WARN,
                        () -> {
                            try (TestTask task = restore(all())) {
                                assertThat(task.metrics().hotRowsLoaded().sum()).isEqualTo(99);
                            }
                        });
        assertThat(log).anyMatch(line -> line.contains("no keys today"));
    }

    @Test
    void codeThatTakesTooLongIsInterruptedAndLeavesNoThread() throws Exception {
        config.set(LazyStateOptions.MAX_BLOCKING_TIME, Duration.ofMillis(20));
        name(Endless.class);
        try (TestTask task = restore(all())) {
            assertEverything(task);
        }
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("lazy-state-preload-keys"));
    }

    @Test
    void pagesThatCannotBeReadAreLeftToTheirUse() throws Exception {
        name(Hundred.class);
        var run = new WrittenCheckpoint(handle).runs("value").get(0);
        Damage.FLIPPED.apply(
                WrittenCheckpoint.file(run.object().handle()),
                run.offset() + run.pageTable().page(0).offset() + 10);
        try (TestTask task = restore(all())) {
            assertThat(task.metrics().hotRowsLoaded().sum()).isPositive();
            task.key(FIRST);
            assertThat(task.state(LIST).get()).containsExactly(FIRST + 2, FIRST + 4);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"no.such.Keys", "java.lang.String", "HIDDEN"})
    void aClassThatCannotBeUsedIsRefusedAtTheFirstStart(String name) {
        String wrong = name.equals("HIDDEN") ? Hidden.class.getName() : name;
        config.set(LazyStateOptions.PRELOAD_KEYS, List.of(wrong));
        assertThatThrownBy(() -> TestTask.start(start(all())))
                .hasMessageContaining("INVALID")
                .hasMessageContaining(wrong)
                .hasMessageContaining("state.backend.lazy.preload.keys");
    }

    private void name(Class<?>... classes) {
        config.set(
                LazyStateOptions.PRELOAD_KEYS, Arrays.stream(classes).map(Class::getName).toList());
    }

    private TestTask restore(KeyGroupRange keyGroups) throws Exception {
        return TestTask.restore(start(keyGroups), List.of(handle));
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(checkpoints, config, keyGroups, store -> store);
    }

    private static KeyGroupRange all() {
        return KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);
    }

    private static void write(TestTask task, long from, long to, long step, int version)
            throws Exception {
        for (long key = from; key < to; key += step) {
            task.key(key);
            task.state(VALUE).update("value " + version + " of " + key);
            task.state(LIST).add(key + 2L * version);
            task.state(MAP).put("a", key);
            task.state(MAP).put("b", key + version);
        }
    }

    private static void assertNamedWithoutFault(TestTask task) throws Exception {
        for (long key = FIRST; key <= LAST; key++) {
            if (key != FIRST + 1) {
                assertRows(task, key);
            }
        }
        assertThat(task.metrics().faults().sum()).isZero();
    }

    private static void assertEverything(TestTask task) throws Exception {
        for (long key = 0; key < KEYS; key++) {
            assertRows(task, key);
        }
    }

    private static void assertRows(TestTask task, long key) throws Exception {
        boolean again = key >= FIRST && key < LAST && (key - FIRST) % 3 == 0;
        int version = again ? 2 : 1;
        task.key(key);
        assertThat(task.state(VALUE).value())
                .isEqualTo(key == FIRST + 1 ? null : "value " + version + " of " + key);
        assertThat(task.state(LIST).get())
                .containsExactlyElementsOf(again ? List.of(key + 2, key + 4) : List.of(key + 2));
        assertThat(task.state(MAP).get("a")).isEqualTo(key);
        assertThat(task.state(MAP).get("b")).isEqualTo(key + version);
    }
}
