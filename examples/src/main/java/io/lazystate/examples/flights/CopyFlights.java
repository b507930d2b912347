package io.lazystate.examples.flights;

import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.util.Collector;

/** Multiplies each flight into its copies, in order. */
final class CopyFlights implements FlatMapFunction<Flight, FlightCopy> {
    private static final long serialVersionUID = 1;

    private final int copies;

    CopyFlights(int copies) {
        this.copies = copies;
    }

    @Override
    public void flatMap(Flight flight, Collector<FlightCopy> out) {
        for (int copy = 0; copy < copies; copy++) {
            out.collect(new FlightCopy(flight.origin() + "#" + copy, copy, flight));
        }
    }
}
