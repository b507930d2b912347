package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.OperatorTask.Operators;
import io.lazystate.backend.OperatorTask.Setup;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.triggers.Trigger;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.runtime.operators.windowing.WindowOperator;
import org.apache.flink.streaming.runtime.operators.windowing.functions.InternalIterableWindowFunction;
import org.apache.flink.streaming.runtime.operators.windowing.functions.InternalSingleValueWindowFunction;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * When timers fire after a restore, the rows they read are here, for every kind of window and
 * timer; results do not depend on it.
 */
class TimerPrefetchTest {
    private static final int KEYS = 2_000;
    private static final int SECOND = 1_000;

    /** One of Flink's operators, and what it is. */
    enum Kind {
        TUMBLING(() -> lists(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))),
        TUMBLING_REDUCED(() -> sums(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))),
        SLIDING(
                () ->
                        lists(
                                SlidingEventTimeWindows.of(
                                        Duration.ofSeconds(10), Duration.ofSeconds(5)))),
        SESSION(() -> lists(EventTimeSessionWindows.withGap(Duration.ofSeconds(10)))),
        SESSION_REDUCED(() -> sums(EventTimeSessionWindows.withGap(Duration.ofSeconds(10)))),
        PROCESSING_TIME(() -> lists(TumblingProcessingTimeWindows.of(Duration.ofSeconds(10)))),
        USER_TIMERS(() -> new KeyedProcessOperator<>(new Alarms()));

        private final Operators operators;

        Kind(Operators operators) {
            this.operators = operators;
        }
    }

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
        Setup setup = new Setup(kind.operators, checkpoints, config);
        OperatorSubtaskState state = checkpoint(setup);
        config.set(LazyStateOptions.PREFETCH_ENABLED, false);
        List<String> expected;
        long faults;
        try (OperatorTask task = OperatorTask.restore(setup, state)) {
            fireAll(task);
            expected = task.results();
            faults = task.faults();
            assertThat(task.prefetchedPages()).isZero();
        }
        assertThat(expected).hasSizeGreaterThanOrEqualTo(KEYS);
        config.set(LazyStateOptions.PREFETCH_ENABLED, true);
        try (OperatorTask task = OperatorTask.restore(setup, state)) {
            fireAll(task);
            System.out.println(
                    kind
                            + ": faults "
                            + faults
                            + " -> "
                            + task.faults()
                            + "; pages "
                            + task.prefetchedPages()
                            + ", timers "
                            + task.metrics().timersPredicted().sum()
                            + ", effectiveness "
                            + task.metrics().preloadEffectiveness());
            assertThat(task.results()).isEqualTo(expected);
            assertThat(task.prefetchedPages()).isPositive();
            assertThat(task.faults()).isLessThan(faults / 10);
            assertThat(task.metrics().preloadEffectiveness()).isGreaterThan(0.9);
        }
    }

    private static void fireAll(OperatorTask task) throws Exception {
        for (int time = 0; time <= 60 * SECOND; time += SECOND / 50) {
            task.settled();
            task.harness().processWatermark(time);
            task.harness().setProcessingTime(time);
        }
    }

    /** Windows and timers of many keys, at different times, with their rows in base and delta. */
    static OperatorSubtaskState checkpoint(Setup setup) throws Exception {
        try (OperatorTask task = OperatorTask.start(setup)) {
            task.harness().setProcessingTime(1);
            for (long key = 0; key < KEYS; key++) {
                task.harness().processElement(new StreamRecord<>(key, 1 + key % 7_000));
            }
            for (long key = 0; key < KEYS; key += 2) {
                task.harness().processElement(new StreamRecord<>(key, 500 + key % 7_000));
            }
            return task.harness().snapshot(1, 1);
        }
    }

    private static OneInputStreamOperator<Long, String> lists(
            WindowAssigner<Object, TimeWindow> windows) {
        return new WindowOperator<>(
                windows,
                new TimeWindow.Serializer(),
                value -> value,
                LongSerializer.INSTANCE,
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
                value -> value,
                LongSerializer.INSTANCE,
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

    private static final class Contents implements WindowFunction<Long, String, Long, TimeWindow> {
        private static final long serialVersionUID = 1L;

        @Override
        public void apply(
                Long key, TimeWindow window, Iterable<Long> values, Collector<String> out) {
            List<Long> sorted =
                    new ArrayList<>(
                            StreamSupport.stream(values.spliterator(), false).sorted().toList());
            out.collect(key + " in " + window + ": " + sorted);
        }
    }

    /** Timers of a user's own, which read a value and the rows of a map. */
    private static final class Alarms extends KeyedProcessFunction<Long, Long, String> {
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
            context.timerService().registerEventTimeTimer(context.timestamp() + SECOND);
        }

        @Override
        public void onTimer(long timestamp, OnTimerContext context, Collector<String> out)
                throws Exception {
            List<String> entries = new ArrayList<>();
            map.entries().forEach(entry -> entries.add(entry.getKey() + "=" + entry.getValue()));
            entries.sort(null);
            out.collect(value.value() + " at " + timestamp + ": " + entries);
        }
    }
}
