package io.lazystate.examples.flights;

/**
 * One flight: the event of the main job.
 *
 * @param id row number in the input file, from 0: unique and stable
 * @param scheduled event time: the scheduled departure, in milliseconds since the epoch
 * @param delay in minutes, negative if early
 * @param distance in miles
 * @param origin airport code
 * @param destination airport code
 */
public record Flight(
        long id, long scheduled, int delay, int distance, String origin, String destination) {

    /** Origin and destination, e.g. {@code LAS-PHL}. */
    public String route() {
        return origin + "-" + destination;
    }
}
