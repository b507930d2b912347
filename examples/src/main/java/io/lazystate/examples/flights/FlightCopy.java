package io.lazystate.examples.flights;

/**
 * One copy of a flight: copies multiply the airports, so that few real flights make much state.
 *
 * @param airport key: origin and number of the copy, e.g. {@code ORD#3}
 * @param copy number of the copy, from 0
 * @param flight the flight itself
 */
public record FlightCopy(String airport, int copy, Flight flight) {}
