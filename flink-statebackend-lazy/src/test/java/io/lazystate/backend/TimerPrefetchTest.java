package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.OperatorTask.Operators;
import io.lazystate.backend.OperatorTask.Setup;
import io.lazystate.store.RangedReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.StreamSupport;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.ProcessingTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.triggers.Trigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.runtime.operators.windowing.WindowOperator;
import org.apache.flink.streaming.runtime.operators.windowing.functions.InternalIterableWindowFunction;
import org.apache.flink.streaming.runtime.operators.windowing.functions.InternalSingleValueWindowFunction;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * When timers fire after a restore, the rows they read are here, for every kind of window and
 * timer; results do not depend on it.
 */
class TimerPrefetchTest {
    private static final int KEYS = 2_000;

    /** Without prefetching: the test would prove little with fewer. */
    private static final long FEWEST_FAULTS = 50;

    /** One of Flink's operators, and what it is. */
    enum Kind {
        TUMBLING(() -> lists(TumblingEventTimeWindows.of(SHORT))),
        TUMBLING_REDUCED(() -> sums(TumblingEventTimeWindows.of(SHORT))),
        SLIDING(() -> lists(SlidingEventTimeWindows.of(SHORT.multipliedBy(2), SHORT))),
        SESSION(() -> lists(EventTimeSessionWindows.withGap(LONG))),
        SESSION_REDUCED(() -> sums(EventTimeSessionWindows.withGap(LONG))),
        PROCESSING_TIME(() -> lists(ProcessingTimeSessionWindows.withGap(LONG))),
        SLICES(() -> new Slices<>(LongSerializer.INSTANCE, end -> end)),
        NAMED_SLICES(() -> new Slices<>(StringSerializer.INSTANCE, end -> "slice to " + end)),
        USER_TIMERS(() -> new KeyedProcessOperator<>(new Alarms()));

        private final Operators<Long, String> operators;

        Kind(Operators<Long, String> operators) {
            this.operators = operators;
        }
    }

    private static final Duration SHORT = Duration.ofMillis(100);
    private static final Duration LONG = Duration.ofSeconds(10);

    /** All windows end at the same time. */
    private static final Operators<Long, String> BURST =
            () -> lists(TumblingEventTimeWindows.of(LONG));

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();

    @BeforeEach
    void configure() {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(64 << 10));
        config.set(LazyStateOptions.PREFETCH_MAX_TIMERS, 10_000);
        config.set(RocksDBOptions.USE_MANAGED_MEMORY, false);
    }

    @ParameterizedTest
    @EnumSource
    void timersInRocksDbFindTheirRows(Kind kind) throws Exception {
        firesWithoutFaults(kind);
    }

    @ParameterizedTest
    @EnumSource
    void timersOnTheHeapFindTheirRows(Kind kind) throws Exception {
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, PriorityQueueStateType.HEAP);
        firesWithoutFaults(kind);
    }

    private void firesWithoutFaults(Kind kind) throws Exception {
        Setup<String, Long, String> setup = Setup.ofNumbers(kind.operators, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        List<String> expected = withoutPrefetch(setup, state);
        try (OperatorTask<Long, String> task = OperatorTask.restore(setup, state)) {
            task.settledBeforeResults().fireAll();
            assertThat(task.results()).isEqualTo(expected);
            assertThat(task.prefetchedPages()).isGreaterThan(FEWEST_FAULTS);
            assertThat(task.faults()).isZero();
            assertThat(task.metrics().preloadEffectiveness()).isGreaterThan(0.9);
        }
    }

    /** Timers of the same time come in an order that only Flink's queues know. */
    @ParameterizedTest
    @EnumSource
    void windowsThatAllEndAtOnceFindTheirRows(PriorityQueueStateType timers) throws Exception {
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, timers);
        Setup<String, Long, String> setup = Setup.ofNumbers(BURST, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        List<String> expected = withoutPrefetch(setup, state);
        try (OperatorTask<Long, String> task = OperatorTask.restore(setup, state)) {
            task.settledBeforeResults().fireAll();
            assertThat(task.results()).isEqualTo(expected);
            assertThat(task.faults()).isZero();
            assertThat(task.metrics().timersPredicted().sum()).isEqualTo(KEYS);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theyAreFoundAfterARescale(PriorityQueueStateType timers) throws Exception {
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, timers);
        Setup<String, Long, String> setup =
                Setup.ofNumbers(Kind.SLIDING.operators, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        List<String> expected = withoutPrefetch(setup, state);
        List<String> results = new ArrayList<>();
        for (int subtask = 0; subtask < 3; subtask++) {
            try (OperatorTask<Long, String> task =
                    OperatorTask.restore(setup, state, 3, subtask, store -> store)) {
                task.settledBeforeResults().fireAll();
                results.addAll(task.results());
                assertThat(task.prefetchedPages()).isPositive();
                assertThat(task.faults()).isZero();
            }
        }
        results.sort(null);
        assertThat(results).isEqualTo(expected);
    }

    @Test
    void nothingIsFetchedWhenEverythingIsResident() throws Exception {
        Setup<String, Long, String> setup =
                Setup.ofNumbers(Kind.TUMBLING.operators, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        List<String> expected = withoutPrefetch(setup, state);
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (OperatorTask<Long, String> task = OperatorTask.restore(setup, state)) {
            task.fireAll();
            assertThat(task.results()).isEqualTo(expected);
            assertThat(task.metrics().timersPredicted().sum()).isZero();
            assertThat(task.prefetchedPages()).isZero();
        }
    }

    @Test
    void timersBeyondTheLookaheadAreLeftAlone() throws Exception {
        config.set(LazyStateOptions.PREFETCH_LOOKAHEAD, Duration.ofMillis(500));
        Setup<String, Long, String> setup =
                Setup.ofNumbers(Kind.TUMBLING.operators, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        try (OperatorTask<Long, String> task = OperatorTask.restore(setup, state)) {
            assertThat(task.metrics().timersPredicted().sum())
                    .as("those of the first six of seventy windows")
                    .isPositive()
                    .isLessThan(KEYS / 10);
        }
    }

    @Test
    void pagesOnTheirWayTakeHalfOfThePageCacheAtTheMost() throws Exception {
        config.set(LazyStateOptions.PAGE_CACHE_SIZE, new MemorySize(20 << 10));
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, PriorityQueueStateType.HEAP);
        Setup<String, Long, String> setup = Setup.ofNumbers(BURST, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        List<String> expected = withoutPrefetch(setup, state);
        try (OperatorTask<Long, String> task = OperatorTask.restore(setup, state).settled()) {
            assertThat(task.prefetchedPages()).isPositive().isLessThan(20);
            task.settledBeforeResults().fireAll();
            assertThat(task.results()).isEqualTo(expected);
            assertThat(task.metrics().preloadEffectiveness()).isGreaterThan(0.9);
        }
    }

    @Test
    void aReadAheadThatFailsIsLeftToWhoeverNeedsTheRow() throws Exception {
        Setup<String, Long, String> setup =
                Setup.ofNumbers(Kind.SLIDING.operators, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        List<String> expected = withoutPrefetch(setup, state);
        AtomicInteger reads = new AtomicInteger();
        AtomicBoolean restored = new AtomicBoolean();
        UnaryOperator<RangedReader> failing =
                store ->
                        new StepReader(
                                store,
                                (step, object) -> {
                                    if (restored.get() && reads.getAndIncrement() < 20) {
                                        throw FaultPlan.unavailable();
                                    }
                                });
        config.set(LazyStateOptions.PREFETCH_LOOKAHEAD, Duration.ofMillis(500));
        try (OperatorTask<Long, String> task =
                OperatorTask.restore(setup, state, 1, 0, failing).settled()) {
            restored.set(true);
            task.harness().processWatermark(150); // its rows are here; those behind are not
            task.settled();
            assertThat(reads).hasValueGreaterThanOrEqualTo(1);
            restored.set(false);
            task.fireAll();
            assertThat(task.results()).isEqualTo(expected);
        }
    }

    private List<String> withoutPrefetch(
            Setup<String, Long, String> setup, OperatorSubtaskState state) throws Exception {
        config.set(LazyStateOptions.PREFETCH_ENABLED, false);
        try (OperatorTask<Long, String> task = OperatorTask.restore(setup, state)) {
            task.fireAll();
            assertThat(task.prefetchedPages()).isZero();
            assertThat(task.faults()).isGreaterThan(FEWEST_FAULTS);
            assertThat(task.results()).hasSizeGreaterThanOrEqualTo(KEYS);
            return task.results();
        } finally {
            config.set(LazyStateOptions.PREFETCH_ENABLED, true);
        }
    }

    /** Windows and timers of many keys, at different times, with their rows in base and delta. */
    private static OperatorSubtaskState checkpoint(Setup<String, Long, String> setup)
            throws Exception {
        TestJobManager jobManager = new TestJobManager();
        try (OperatorTask<Long, String> task = OperatorTask.start(setup)) {
            for (long key = 0; key < KEYS; key++) {
                task.harness().setProcessingTime(3 * key);
                task.harness().processElement(new StreamRecord<>(key, 1 + key % 7_000));
            }
            task.checkpoint(1, jobManager);
            for (long key = 0; key < KEYS; key += 3) {
                task.harness().processElement(new StreamRecord<>(key, 50 + key % 7_000));
            }
            return task.checkpoint(2, jobManager);
        }
    }

    private static OneInputStreamOperator<Long, String> lists(
            WindowAssigner<Object, TimeWindow> windows) {
        return new WindowOperator<>(
                windows,
                new TimeWindow.Serializer(),
                OperatorTask::key,
                StringSerializer.INSTANCE,
                new ListStateDescriptor<>("window-contents", LongSerializer.INSTANCE),
                new InternalIterableWindowFunction<>(new Contents()),
                trigger(windows),
                0,
                null);
    }

    private static OneInputStreamOperator<Long, String> sums(
            WindowAssigner<Object, TimeWindow> windows) {
        return new WindowOperator<>(
                windows,
                new TimeWindow.Serializer(),
                OperatorTask::key,
                StringSerializer.INSTANCE,
                new ReducingStateDescriptor<>(
                        "window-contents", Long::sum, LongSerializer.INSTANCE),
                new InternalSingleValueWindowFunction<>(new Contents()),
                trigger(windows),
                0,
                null);
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // Flink's triggers are of any element
    private static Trigger<Long, TimeWindow> trigger(WindowAssigner<Object, TimeWindow> windows) {
        return (Trigger) windows.getDefaultTrigger();
    }

    private static final class Contents
            implements WindowFunction<Long, String, String, TimeWindow> {
        private static final long serialVersionUID = 1L;

        @Override
        public void apply(
                String key, TimeWindow window, Iterable<Long> values, Collector<String> out) {
            OperatorTask.beforeResult();
            List<Long> sorted =
                    new ArrayList<>(
                            StreamSupport.stream(values.spliterator(), false).sorted().toList());
            out.collect(key + " in " + window + ": " + sorted);
        }
    }

    /** Timers of a user's own, which read a value and the rows of a map. */
    private static final class Alarms extends KeyedProcessFunction<String, Long, String> {
        private static final long serialVersionUID = 1L;
        private transient ValueState<String> value;
        private transient MapState<String, Long> map;

        @Override
        public void open(OpenContext context) {
            value =
                    getRuntimeContext()
                            .getState(
                                    new ValueStateDescriptor<>("value", StringSerializer.INSTANCE));
            map =
                    getRuntimeContext()
                            .getMapState(
                                    new MapStateDescriptor<>(
                                            "map",
                                            StringSerializer.INSTANCE,
                                            LongSerializer.INSTANCE));
        }

        @Override
        public void processElement(Long in, Context context, Collector<String> out)
                throws Exception {
            value.update("value of " + in);
            for (long i = 0; i < 3; i++) {
                map.put("entry " + i, in + i);
            }
            context.timerService().registerEventTimeTimer(context.timestamp() + 1_000);
        }

        @Override
        public void onTimer(long timestamp, OnTimerContext context, Collector<String> out)
                throws Exception {
            OperatorTask.beforeResult();
            List<String> entries = new ArrayList<>();
            map.entries().forEach(entry -> entries.add(entry.getKey() + "=" + entry.getValue()));
            entries.sort(null);
            out.collect(value.value() + " at " + timestamp + ": " + entries);
        }
    }
}
