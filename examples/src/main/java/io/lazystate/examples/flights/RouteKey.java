package io.lazystate.examples.flights;

import org.apache.flink.api.java.functions.KeySelector;

/** The route of a flight and the copy it falls to, e.g. {@code LAS-PHL#3}. */
final class RouteKey implements KeySelector<Flight, String> {
    private static final long serialVersionUID = 1;

    private final int copies;

    RouteKey(int copies) {
        this.copies = copies;
    }

    @Override
    public String getKey(Flight flight) {
        return of(flight, copies);
    }

    static String of(Flight flight, int copies) {
        return flight.route() + "#" + flight.id() % copies;
    }
}
