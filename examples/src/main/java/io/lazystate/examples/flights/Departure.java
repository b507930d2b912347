package io.lazystate.examples.flights;

/**
 * What {@link AirportAlarms} remembers of one flight.
 *
 * @param delay in minutes
 * @param destination airport code
 * @param payload see {@link Payload}
 */
public record Departure(int delay, String destination, byte[] payload) {

    /** Two departures are compared by {@link #digest}, never by reference to the payload array. */
    long digest() {
        return Payload.mix(Payload.digest(payload) + 31L * delay + destination.hashCode());
    }
}
