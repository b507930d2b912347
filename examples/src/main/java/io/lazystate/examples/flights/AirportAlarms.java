package io.lazystate.examples.flights;

import java.time.Duration;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;
import org.jspecify.annotations.Nullable;

/**
 * Raises alarms for airports whose departures are late, and keeps every departure.
 *
 * <p>State: {@code hours}, the stats of each hour of event time; {@code history}, each departure by
 * flight id (most of the job's bytes, written blindly). A timer at the end of an hour compares it
 * with the same hour a week before, so it reads old rows: the departures that were worst then and
 * now. A flight whose hour is over goes to the late side output. At the end of the input every
 * departure is read once more and digested, so a result depends on every byte of the state.
 */
final class AirportAlarms extends KeyedProcessFunction<String, FlightCopy, ResultRow> {
    /** Flights whose hour was over when they came. */
    static final OutputTag<ResultRow> LATE =
            new OutputTag<>("late-alarm", TypeInformation.of(ResultRow.class));

    private static final long serialVersionUID = 1;
    private static final long HOUR_MILLIS = Duration.ofHours(1).toMillis();
    private static final long WEEK_HOURS = Duration.ofDays(7).toHours();
    private static final long END_OF_INPUT = Long.MAX_VALUE;

    private final FlightsSettings settings;

    @SuppressWarnings("NullAway.Init") // Set by open().
    private transient MapState<Long, DelayStats> hours;

    @SuppressWarnings("NullAway.Init") // Set by open().
    private transient MapState<Long, Departure> history;

    AirportAlarms(FlightsSettings settings) {
        this.settings = settings;
    }

    @Override
    public void open(OpenContext context) {
        hours =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "hours", Types.LONG, TypeInformation.of(DelayStats.class)));
        history =
                getRuntimeContext()
                        .getMapState(
                                new MapStateDescriptor<>(
                                        "history",
                                        Types.LONG,
                                        TypeInformation.of(Departure.class)));
    }

    @Override
    public void processElement(FlightCopy copy, Context context, Collector<ResultRow> out)
            throws Exception {
        Flight flight = copy.flight();
        long hour = Math.floorDiv(flight.scheduled(), HOUR_MILLIS);
        long end = (hour + 1) * HOUR_MILLIS - 1;
        if (end <= context.timerService().currentWatermark()) {
            context.output(LATE, LateRow.of("late-alarm", copy.airport(), flight));
            return;
        }
        byte[] payload = Payload.of(flight.id(), copy.copy(), settings.payloadBytes());
        history.put(flight.id(), new Departure(flight.delay(), flight.destination(), payload));
        DelayStats before = hours.get(hour);
        if (before == null) {
            context.timerService().registerEventTimeTimer(end);
            context.timerService().registerEventTimeTimer(END_OF_INPUT);
        }
        DelayStats now = (before == null ? DelayStats.EMPTY : before).plus(flight);
        hours.put(hour, now);
        if (flight.delay() >= settings.alarmSingle()) {
            String id = copy.airport() + " flight " + flight.id();
            out.collect(
                    new ResultRow(FlightsJob.ALARM, id, flight.delay() + " min; " + now.text()));
        }
    }

    @Override
    public void onTimer(long timestamp, OnTimerContext context, Collector<ResultRow> out)
            throws Exception {
        if (timestamp == END_OF_INPUT) {
            out.collect(
                    new ResultRow(FlightsJob.ALARM, context.getCurrentKey() + " all", summary()));
            return;
        }
        long hour = Math.floorDiv(timestamp, HOUR_MILLIS);
        DelayStats now = hours.get(hour);
        if (now != null && now.mean() >= settings.alarmMean()) {
            String id = context.getCurrentKey() + " hour " + hour;
            String value =
                    described(now) + "; a week before " + described(hours.get(hour - WEEK_HOURS));
            out.collect(new ResultRow(FlightsJob.ALARM, id, value));
        }
    }

    /** The stats and the digest of their worst departure, which lies in old state. */
    private String described(@Nullable DelayStats stats) throws Exception {
        if (stats == null) {
            return "nothing";
        }
        Departure worst = history.get(stats.worst());
        return stats.text() + " " + (worst == null ? "lost" : Long.toHexString(worst.digest()));
    }

    private String summary() throws Exception {
        long departures = 0;
        long digest = 0;
        for (Map.Entry<Long, Departure> entry : history.entries()) {
            departures++;
            digest += Payload.mix(entry.getKey() + entry.getValue().digest());
        }
        return departures + " departures " + Long.toHexString(digest);
    }
}
