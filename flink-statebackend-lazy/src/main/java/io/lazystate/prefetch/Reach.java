package io.lazystate.prefetch;

/**
 * How many timers of a queue to follow ahead: more while their reads still wait, fewer while pages
 * leave the cache unused.
 */
final class Reach {
    private static final int FIRST = 128;
    private static final int FEWEST = 16;

    private final int most;
    private int timers;
    private long used;
    private long unused;
    private boolean waited;

    /**
     * @param most bound, at least 1
     */
    Reach(int most) {
        this.most = most;
        this.timers = Math.min(FIRST, most);
    }

    int timers() {
        return timers;
    }

    /** Reads of a timer that has fired had to wait. */
    void waited() {
        waited = true;
    }

    /**
     * Takes the last step's experience in.
     *
     * @param usedSoFar pages that were predicted and used, since the start
     * @param unusedSoFar pages that were predicted in vain, since the start
     */
    void adapt(long usedSoFar, long unusedSoFar) {
        if (unusedSoFar - unused > usedSoFar - used) {
            timers = Math.max(Math.min(FEWEST, most), timers / 2);
        } else if (waited) {
            timers = Math.min(most, timers * 2);
        }
        used = usedSoFar;
        unused = unusedSoFar;
        waited = false;
    }
}
