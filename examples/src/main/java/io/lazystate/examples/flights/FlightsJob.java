package io.lazystate.examples.flights;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.util.OutputTag;

/**
 * The main job: delays of flights in sliding windows and sessions per route, and alarms per
 * airport, in event time and with late data.
 *
 * <p>It is an ordinary DataStream job: source and sinks are parameters, the state backend is chosen
 * by configuration. The source runs with parallelism 1 and sends its own watermarks, so every
 * operator sees one order of flights and watermarks and the results are the same in every run.
 */
public final class FlightsJob {
    /** {@link ResultRow#operator} of the alarms, the part of the job that holds most state. */
    public static final String ALARM = "alarm";

    private static final OutputTag<Flight> LATE_WINDOW =
            new OutputTag<>("late-window", TypeInformation.of(Flight.class));
    private static final OutputTag<Flight> LATE_SESSION =
            new OutputTag<>("late-session", TypeInformation.of(Flight.class));

    private FlightsJob() {}

    /**
     * Adds the job to an environment; the caller executes it.
     *
     * @param source flights in order of arrival, with timestamps and watermarks
     * @param results takes windows, sessions and alarms
     * @param late takes the flights that came too late, once for each operator they missed
     */
    public static void define(
            StreamExecutionEnvironment env,
            FlightsSettings settings,
            Source<Flight, ?, ?> source,
            Sink<ResultRow> results,
            Sink<ResultRow> late) {
        DataStream<Flight> flights =
                env.fromSource(
                                source,
                                WatermarkStrategy.noWatermarks(),
                                "flights",
                                TypeInformation.of(Flight.class))
                        .uid("flights")
                        .setParallelism(1);
        KeyedStream<Flight, String> routes =
                flights.keyBy(new RouteKey(settings.copies()), Types.STRING);

        SingleOutputStreamOperator<ResultRow> windows = windows(routes, settings);
        SingleOutputStreamOperator<ResultRow> sessions = sessions(routes, settings);
        SingleOutputStreamOperator<ResultRow> alarms = alarms(flights, settings);

        windows.union(sessions, alarms).sinkTo(results).name("results").uid("results");
        lateRows(windows, LATE_WINDOW, settings)
                .union(lateRows(sessions, LATE_SESSION, settings))
                .union(alarms.getSideOutput(AirportAlarms.LATE))
                .sinkTo(late)
                .name("late")
                .uid("late");
    }

    private static SingleOutputStreamOperator<ResultRow> windows(
            KeyedStream<Flight, String> routes, FlightsSettings settings) {
        return routes.window(
                        SlidingEventTimeWindows.of(settings.windowSize(), settings.windowSlide()))
                .allowedLateness(settings.allowedLateness())
                .sideOutputLateData(LATE_WINDOW)
                .aggregate(
                        new DelayAggregate(),
                        new WindowRow("window"),
                        TypeInformation.of(DelayStats.class),
                        TypeInformation.of(ResultRow.class))
                .name("windows")
                .uid("windows");
    }

    private static SingleOutputStreamOperator<ResultRow> sessions(
            KeyedStream<Flight, String> routes, FlightsSettings settings) {
        return routes.window(EventTimeSessionWindows.withGap(settings.sessionGap()))
                .sideOutputLateData(LATE_SESSION)
                .aggregate(
                        new DelayAggregate(),
                        new WindowRow("session"),
                        TypeInformation.of(DelayStats.class),
                        TypeInformation.of(ResultRow.class))
                .name("sessions")
                .uid("sessions");
    }

    private static SingleOutputStreamOperator<ResultRow> alarms(
            DataStream<Flight> flights, FlightsSettings settings) {
        return flights.flatMap(
                        new CopyFlights(settings.copies()), TypeInformation.of(FlightCopy.class))
                .name("copies")
                .uid("copies")
                .setParallelism(1)
                .keyBy(FlightCopy::airport, Types.STRING)
                .process(new AirportAlarms(settings), TypeInformation.of(ResultRow.class))
                .name("alarms")
                .uid("alarms");
    }

    private static DataStream<ResultRow> lateRows(
            SingleOutputStreamOperator<ResultRow> windows,
            OutputTag<Flight> tag,
            FlightsSettings settings) {
        return windows.getSideOutput(tag)
                .map(
                        new LateRow(tag.getId(), settings.copies()),
                        TypeInformation.of(ResultRow.class))
                .name(tag.getId())
                .uid(tag.getId());
    }
}
