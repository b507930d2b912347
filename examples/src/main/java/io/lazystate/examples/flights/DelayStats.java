package io.lazystate.examples.flights;

/**
 * Count, sum and maximum of some delays.
 *
 * @param count flights
 * @param sum of their delays, in minutes
 * @param max of their delays, in minutes; undefined if count is 0
 * @param worst id of the first flight with that maximum; undefined if count is 0
 */
public record DelayStats(long count, long sum, int max, long worst) {

    /** The stats of no flight. */
    public static final DelayStats EMPTY = new DelayStats(0, 0, Integer.MIN_VALUE, -1);

    /** These and one flight more. */
    public DelayStats plus(Flight flight) {
        boolean worse = flight.delay() > max;
        return new DelayStats(
                count + 1,
                sum + flight.delay(),
                worse ? flight.delay() : max,
                worse ? flight.id() : worst);
    }

    /**
     * These and others; the lower flight id wins a tie, so the order of merging does not matter.
     */
    public DelayStats plus(DelayStats other) {
        boolean otherIsWorse = other.max > max || (other.max == max && other.worst < worst);
        return new DelayStats(
                count + other.count,
                sum + other.sum,
                otherIsWorse ? other.max : max,
                otherIsWorse ? other.worst : worst);
    }

    /** Mean delay in minutes, rounded down; 0 for no flight. */
    public long mean() {
        return count == 0 ? 0 : Math.floorDiv(sum, count);
    }

    /** The figures as a result value. */
    public String text() {
        return "n=" + count + " sum=" + sum + " max=" + max + " worst=" + worst;
    }
}
