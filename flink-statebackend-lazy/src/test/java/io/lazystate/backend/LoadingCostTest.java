package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import io.lazystate.run.Run;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What restoring, reading and hydrating cost, counted at the read port. */
class LoadingCostTest {
    private static final int KEYS = 6_000;
    private static final int TIMERS = 100_000;

    /** Reads that a restore has under way at once. */
    private static final int WIDEST_WAVE = 64;

    private static final int HANDLES = 24;

    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private StoreGate gate;
    private int[] waves = {};
    private long least;

    @BeforeEach
    void configure() {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PREFETCH_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(256 << 10));
    }

    @Test
    void aRestoreReadsManifestAndTimerHeadsInTwoWavesAndNothingElse() throws Exception {
        KeyedStateHandle handle = withTimers(50);
        WrittenCheckpoint written = new WrittenCheckpoint(handle);
        int extents = written.extents("timers").size();
        assertThat(extents).isGreaterThan(5);
        assertThat(written.runs("timers")).as("bases and deltas").hasSizeGreaterThan(extents);
        waves = new int[] {1, WIDEST_WAVE};
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(gate.missing()).as("the waves were as wide as expected").isZero();
            assertThat(task.reads().requests())
                    .as(
                            "a stretch of pages of base and delta for each key group, and a few"
                                    + " that reach into the next extent")
                    .isLessThanOrEqualTo(1 + 2 * TestTask.MAX_PARALLELISM + extents);
            assertThat(task.reads().bytes())
                    .as("manifest, and heads that are but a part of the timers")
                    .isLessThan(written.manifestBytes() + tableBytes(written.runs("timers")) / 2);
            assertHeadsAreHere(task);
        }
    }

    /** Their rows still lie in the base run, before those of the live ones. */
    @Test
    void timersThatHaveFiredSinceTheirBaseWasWrittenAreSkippedBeforeTheTaskRuns() throws Exception {
        KeyedStateHandle handle = withTimers(TIMERS / 5);
        WrittenCheckpoint written = new WrittenCheckpoint(handle);
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.reads().requests())
                    .as("each of few waves asks once for base and delta of each key group")
                    .isLessThan(1 + 4 * 2 * TestTask.MAX_PARALLELISM);
            assertThat(task.reads().bytes())
                    .isLessThan(written.manifestBytes() + tableBytes(written.runs("timers")));
            assertHeadsAreHere(task);
        }
    }

    @Test
    void aPageCacheThatHoldsNoHeadCostsReadsAndNothingElse() throws Exception {
        KeyedStateHandle handle = withTimers(50);
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(1));
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.timers("timers").peek().getTimestamp()).isEqualTo(least);
            assertThat(task.metrics().faults().sum()).isPositive();
        }
    }

    @Test
    void timersHaveSmallPagesWhateverThePageSize() throws Exception {
        config.set(LazyStateOptions.PAGE_SIZE, MemorySize.ofMebiBytes(1));
        try (TestTask task = TestTask.start(start())) {
            update(task, "old", 0, KEYS);
            var queue = task.timers("timers");
            for (long key = 0; key < KEYS; key++) {
                queue.add(TestTask.timer(key, key));
            }
            WrittenCheckpoint written = new WrittenCheckpoint(task.checkpoint(1, jobManager));
            assertThat(written.runs("timers"))
                    .allSatisfy(run -> assertThat(run.meta().pageCount()).isGreaterThan(4));
            assertThat(written.runs("v"))
                    .allSatisfy(run -> assertThat(run.meta().pageCount()).isEqualTo(1));
        }
    }

    @Test
    void theManifestsOfAllHandlesAreReadInOneWave() throws Exception {
        List<KeyedStateHandle> handles = new ArrayList<>();
        for (int keyGroup = 0; keyGroup < HANDLES; keyGroup++) {
            KeyGroupRange range = KeyGroupRange.of(4 * keyGroup, 4 * keyGroup + 3);
            TestTask.Start old = new TestTask.Start(checkpoints, config, range, store -> store);
            try (TestTask task = TestTask.start(old)) {
                task.keyIn(range);
                task.state(STATE).update("v");
                handles.add(task.snapshot(1));
            }
        }
        waves = new int[] {HANDLES};
        try (TestTask task = TestTask.restore(start(), handles)) {
            assertThat(gate.missing()).isZero();
            assertThat(task.reads().requests()).isEqualTo(HANDLES);
        }
    }

    @Test
    void aColdReadIsOneWaveOverBaseAndDeltas() throws Exception {
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start())) {
            update(task, "old", 0, KEYS);
            task.checkpoint(1, jobManager);
            update(task, "first", 3, 4);
            task.checkpoint(2, jobManager);
            update(task, "second", 3, 4);
            task.checkpoint(3, jobManager);
            update(task, "third", 3, 4);
            handle = task.checkpoint(4, jobManager);
        }
        List<Extent> extents = new WrittenCheckpoint(handle).extents("v");
        assertThat(extents).anyMatch(extent -> extent.runs() == 4);
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            ValueState<String> state = task.state(STATE);
            assertThat(task.reads().requests()).as("manifest").isEqualTo(1);

            gate.expectWaves(5); // one page of each run, and the filter of the only large one
            assertThat(read(task, state, 3)).isEqualTo("third 3");
            assertThat(gate.missing()).isZero();
            assertThat(task.reads().requests()).isEqualTo(1 + 5);
            assertThat(task.metrics().faults().sum()).as("waits").isEqualTo(1);

            assertThat(read(task, state, 3)).isEqualTo("third 3");
            assertThat(task.reads().requests()).as("cached").isEqualTo(1 + 5);
        }
    }

    @Test
    void hydrationIsOneReadForEachExtentAndDecodesNoRow() throws Exception {
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(16 << 10));
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start())) {
            update(task, "old", 0, KEYS);
            handle = task.checkpoint(1, jobManager);
        }
        List<Extent> extents = new WrittenCheckpoint(handle).extents("v");
        assertThat(extents).hasSizeGreaterThan(5);
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents.size());
            assertThat(task.reads().fileReads()).as("extents").isEqualTo(extents.size());
            assertThat(task.reads().pageReads()).as("the manifest; no page").isEqualTo(1);
            assertThat(read(task, task.state(STATE), 7)).isEqualTo("old 7");
        }
    }

    @Test
    void hydrationReadsOfADeltaOnlyWhatTheExtentNeeds() throws Exception {
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(16 << 10));
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start())) {
            update(task, "old", 0, KEYS);
            task.checkpoint(1, jobManager);
            for (long key = 0; key < KEYS; key += 8) {
                update(task, "new", key, key + 1);
            }
            handle = task.checkpoint(2, jobManager);
        }
        WrittenCheckpoint written = new WrittenCheckpoint(handle);
        List<Run> runs = written.runs("v");
        int extents = written.extents("v").size();
        List<Run> deltas =
                written.extents("v").stream().flatMap(e -> e.deltas().stream()).distinct().toList();
        assertThat(deltas).as("over all " + extents).hasSize(1);
        assertThat(extents).isGreaterThan(5);
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents);
            long pages = deltas.stream().mapToLong(run -> run.meta().pageCount()).sum();
            assertThat(task.reads().bytes())
                    .as("each run once, but for pages that reach from one extent to the next")
                    .isLessThan(
                            written.manifestBytes()
                                    + tableBytes(runs)
                                    + 2 * extents * tableBytes(deltas) / pages);
        }
    }

    @Test
    void smallStatesAreHydratedWithOneReadTogether() throws Exception {
        int states = 20;
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start())) {
            for (int i = 0; i < states; i++) {
                for (long key = 0; key < 10; key++) {
                    task.key(key);
                    task.state(small(i)).update(i + " of " + key);
                }
            }
            handle = task.checkpoint(1, jobManager);
        }
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(states);
            assertThat(task.reads().requests()).as("the manifest, and the rest").isEqualTo(2);
            for (int i = 0; i < states; i++) {
                for (long key = 0; key < 10; key++) {
                    task.key(key);
                    assertThat(task.state(small(i)).value()).isEqualTo(i + " of " + key);
                }
            }
            assertThat(task.metrics().faults().sum()).isZero();
        }
    }

    private static ValueStateDescriptor<String> small(int number) {
        return new ValueStateDescriptor<>("small" + number, StringSerializer.INSTANCE);
    }

    private TestTask.Start start() {
        return TestTask.Start.withStore(
                checkpoints,
                config,
                store -> {
                    gate = new StoreGate(store).expectWaves(waves);
                    return gate;
                });
    }

    private static void update(TestTask task, String version, long from, long to) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = from; key < to; key++) {
            task.key(key);
            state.update(version + " " + key);
        }
    }

    private static String read(TestTask task, ValueState<String> state, long key) throws Exception {
        task.key(key);
        return state.value();
    }

    /** A checkpoint with base runs of timers, and deltas in which some fired and some are new. */
    private KeyedStateHandle withTimers(int fired) throws Exception {
        try (TestTask task = TestTask.start(start())) {
            update(task, "old", 0, KEYS);
            var queue = task.timers("timers");
            Random random = new Random(1);
            for (long key = 0; key < TIMERS; key++) {
                queue.add(TestTask.timer(random.nextLong(1L << 40), key));
            }
            task.checkpoint(1, jobManager);
            long now = 0;
            for (int i = 0; i < fired; i++) {
                now = queue.poll().getTimestamp();
            }
            for (int i = 0; i < fired; i++) {
                queue.add(TestTask.timer(now + random.nextLong(1L << 40), TIMERS + i));
            }
            least = queue.peek().getTimestamp();
            return task.checkpoint(2, jobManager);
        }
    }

    private void assertHeadsAreHere(TestTask task) {
        long requests = task.reads().requests();
        var queue = task.timers("timers");
        assertThat(queue.peek().getTimestamp()).isEqualTo(least);
        long last = Long.MIN_VALUE;
        for (int i = 0; i < 128; i++) { // as many as even a single key group has at hand
            long next = queue.poll().getTimestamp();
            assertThat(next).isGreaterThanOrEqualTo(last);
            last = next;
        }
        assertThat(task.reads().requests()).isEqualTo(requests);
        assertThat(task.metrics().faults().sum()).isZero();
    }

    private static long tableBytes(List<Run> runs) {
        return runs.stream().mapToLong(run -> run.meta().tableBytes()).sum();
    }
}
