package io.lazystate.it;

import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * A bounded job whose result depends on every row of its state: a sum, a map and a timer for each
 * key. When the input ends, each timer reports its key's sum and map.
 *
 * <p>The events are a pure function of their number, and come as fast as checkpoints complete: so
 * many for each, so that a given event is always behind a number of checkpoints.
 */
final class LedgerJob {
    static final int EVENTS = 4_000;

    /** No event has this number. */
    static final long NEVER = -1;

    static final int KEYS = 400;
    static final int EVENTS_A_CHECKPOINT = 400;

    /** When the timer of each key fires. */
    static final long TIMER = Long.MAX_VALUE - 1;

    private static final long TOO_LONG_SECONDS = 180;
    private static final int MAX_PARALLELISM = 16;

    /** What a run reported, by its name; the cluster is in this process. */
    private static final Map<String, Map<Long, String>> RESULTS = new ConcurrentHashMap<>();

    /** Counted down when a run has processed an event: the last of those for one checkpoint. */
    private static final Map<String, CountDownLatch> PROCESSED = new ConcurrentHashMap<>();

    private static final Set<String> FAILED_ONCE = ConcurrentHashMap.newKeySet();

    private LedgerJob() {}

    /**
     * One execution of the job.
     *
     * @param history under which name results are kept, over several executions
     * @param failsOnceAt number of the event that fails when it is first processed
     * @param failsAt number of the event that always fails
     * @param idle whether no event reaches the state
     */
    record Execution(
            String history, int parallelism, long failsOnceAt, long failsAt, boolean idle) {
        Execution(String history, int parallelism, long failsOnceAt, long failsAt) {
            this(history, parallelism, failsOnceAt, failsAt, false);
        }

        /** The same, but it reads and writes no row. */
        Execution whileIdle() {
            return new Execution(history, parallelism, failsOnceAt, failsAt, true);
        }
    }

    static JobGraph graph(Configuration settings, Execution execution) {
        StreamExecutionEnvironment env = environment(settings, execution);
        DataStream<Long> events =
                env.fromSource(
                                new DataGeneratorSource<>(
                                        number -> number,
                                        EVENTS,
                                        RateLimiterStrategy.perCheckpoint(EVENTS_A_CHECKPOINT),
                                        Types.LONG),
                                WatermarkStrategy.noWatermarks(),
                                "events")
                        .uid("events")
                        .setParallelism(1);
        return graph(env, events, execution);
    }

    /** The same job over an input that waits for no checkpoint, and whose events have a time. */
    static JobGraph batchGraph(Configuration settings, Execution execution) {
        StreamExecutionEnvironment env = environment(settings, execution);
        DataStream<Long> events =
                env.fromSource(
                                new DataGeneratorSource<>(number -> number, EVENTS, Types.LONG),
                                WatermarkStrategy.<Long>forMonotonousTimestamps()
                                        .withTimestampAssigner((event, none) -> event),
                                "events")
                        .setParallelism(1);
        return graph(env, events, execution);
    }

    private static StreamExecutionEnvironment environment(
            Configuration settings, Execution execution) {
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(settings);
        env.setParallelism(execution.parallelism());
        env.setMaxParallelism(MAX_PARALLELISM);
        return env;
    }

    private static JobGraph graph(
            StreamExecutionEnvironment env, DataStream<Long> events, Execution execution) {
        boolean idle = execution.idle();
        // Not in several subtasks: an earlier event of a key could come behind a later one.
        events.filter(event -> !idle)
                .setParallelism(1)
                .keyBy(event -> event % KEYS)
                .process(new Ledger(execution))
                .uid("ledger")
                .sinkTo(new DiscardingSink<>());
        return env.getStreamGraph().getJobGraph();
    }

    /**
     * Returns when a run has processed the events that so many checkpoints let pass.
     *
     * @param checkpoints that were completed; Flink takes one of its own when a job starts
     */
    static void awaitEventsAfter(int checkpoints, String history) throws InterruptedException {
        long last = (checkpoints + 1L) * EVENTS_A_CHECKPOINT - 1;
        if (!processed(history, last).await(TOO_LONG_SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("Event " + last + " did not come");
        }
    }

    private static CountDownLatch processed(String history, long event) {
        return PROCESSED.computeIfAbsent(history + " " + event, e -> new CountDownLatch(1));
    }

    static Map<Long, String> results(String history) {
        return RESULTS.getOrDefault(history, Map.of());
    }

    /** What a job that never fails reports. */
    static Map<Long, String> expected() {
        return expectedAfter(EVENTS);
    }

    /** What a job reports that has so many events. */
    static Map<Long, String> expectedAfter(long events) {
        Map<Long, Long> sums = new TreeMap<>();
        Map<Long, Map<Long, String>> entries = new TreeMap<>();
        for (long event = 0; event < events; event++) {
            long key = event % KEYS;
            sums.merge(key, event, Long::sum);
            Map<Long, String> ofKey = entries.computeIfAbsent(key, k -> new TreeMap<>());
            ofKey.put(event, payload(event));
            ofKey.remove(removedBy(event));
        }
        Map<Long, String> reports = new TreeMap<>();
        sums.forEach((key, sum) -> reports.put(key, report(sum, entries.get(key))));
        return reports;
    }

    /** Every seventh event removes the entry of an earlier one with the same key. */
    private static long removedBy(long event) {
        return event % 7 == 0 ? event - 2L * KEYS : NEVER;
    }

    static String payload(long event) {
        byte[] bytes = new byte[80];
        new Random(event).nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    static String report(long sum, Map<Long, String> entries) {
        return sum + " " + entries;
    }

    /** Under these names, queries may ask for the states. */
    @SuppressWarnings("deprecation") // and there is no other way to be asked
    static ValueStateDescriptor<Long> sumState() {
        ValueStateDescriptor<Long> state = new ValueStateDescriptor<>("sum", Types.LONG);
        state.setQueryable("sum");
        return state;
    }

    @SuppressWarnings("deprecation")
    static MapStateDescriptor<Long, String> entriesState() {
        MapStateDescriptor<Long, String> state =
                new MapStateDescriptor<>("entries", Types.LONG, Types.STRING);
        state.setQueryable("entries");
        return state;
    }

    private static final class Ledger extends KeyedProcessFunction<Long, Long, Void> {
        private static final long serialVersionUID = 1L;

        private final String history;
        private final long failsOnceAt;
        private final long failsAt;
        private transient ValueState<Long> sum;
        private transient MapState<Long, String> entries;

        Ledger(Execution execution) {
            this.history = execution.history();
            this.failsOnceAt = execution.failsOnceAt();
            this.failsAt = execution.failsAt();
        }

        @Override
        public void open(OpenContext context) {
            sum = getRuntimeContext().getState(sumState());
            entries = getRuntimeContext().getMapState(entriesState());
        }

        @Override
        public void processElement(Long event, Context context, Collector<Void> out)
                throws Exception {
            if (event == failsAt || (event == failsOnceAt && FAILED_ONCE.add(history + event))) {
                throw new IllegalStateException("Event " + event + " fails, as it should");
            }
            Long before = sum.value();
            sum.update(before == null ? event : before + event);
            entries.put(event, payload(event));
            if (removedBy(event) != NEVER) {
                entries.remove(removedBy(event));
            }
            context.timerService().registerEventTimeTimer(TIMER);
            if (event % EVENTS_A_CHECKPOINT == EVENTS_A_CHECKPOINT - 1) {
                processed(history, event).countDown();
            }
        }

        @Override
        public void onTimer(long timestamp, OnTimerContext context, Collector<Void> out)
                throws Exception {
            Map<Long, String> sorted = new TreeMap<>();
            entries.entries().forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
            RESULTS.computeIfAbsent(history, h -> new ConcurrentHashMap<>())
                    .put(context.getCurrentKey(), report(sum.value(), sorted));
        }
    }
}
