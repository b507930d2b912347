package io.lazystate.store;

/**
 * How many reads may be sent a second time: a share of all, and a few in a row.
 *
 * <p>When a whole store is slow, second requests would only make it slower. Threads: any.
 */
final class HedgeBudget {

    /** Second requests in a row that a long time without one allows. */
    private static final double BURST = 8;

    private final double share;
    private double left;

    /**
     * @param share of all reads, 0 to 1
     */
    HedgeBudget(double share) {
        this.share = share;
        this.left = share > 0 ? 1 : 0;
    }

    /** Notes a first request. */
    synchronized void earn() {
        left = Math.min(BURST, left + share);
    }

    /** Whether there may be a second request now; if so, it is taken off. */
    synchronized boolean take() {
        if (left < 1) {
            return false;
        }
        left--;
        return true;
    }
}
