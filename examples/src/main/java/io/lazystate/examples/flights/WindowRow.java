package io.lazystate.examples.flights;

import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Turns the stats of one window into a {@link ResultRow} named after key and window. */
final class WindowRow implements WindowFunction<DelayStats, ResultRow, String, TimeWindow> {
    private static final long serialVersionUID = 1;

    private final String operator;

    WindowRow(String operator) {
        this.operator = operator;
    }

    @Override
    public void apply(
            String key, TimeWindow window, Iterable<DelayStats> stats, Collector<ResultRow> out) {
        String id = key + " " + window.getStart() + ".." + window.getEnd();
        for (DelayStats each : stats) {
            out.collect(new ResultRow(operator, id, each.text()));
        }
    }
}
