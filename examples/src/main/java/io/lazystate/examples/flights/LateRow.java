package io.lazystate.examples.flights;

import org.apache.flink.api.common.functions.MapFunction;

/** Turns a flight that came too late into a {@link ResultRow} named after key and flight. */
final class LateRow implements MapFunction<Flight, ResultRow> {
    private static final long serialVersionUID = 1;

    private final String operator;
    private final int copies;

    LateRow(String operator, int copies) {
        this.operator = operator;
        this.copies = copies;
    }

    @Override
    public ResultRow map(Flight flight) {
        return of(operator, RouteKey.of(flight, copies), flight);
    }

    static ResultRow of(String operator, String key, Flight flight) {
        String value = flight.scheduled() + " " + flight.delay() + " min";
        return new ResultRow(operator, key + " flight " + flight.id(), value);
    }
}
