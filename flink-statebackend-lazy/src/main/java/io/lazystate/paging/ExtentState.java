package io.lazystate.paging;

/**
 * Where the rows of one extent are, and what comes next.
 *
 * <pre>
 *   COLD -> LINKING -> LINKED -> RESIDENT -> LEAVING -> STALE -> COLD
 * </pre>
 *
 * <p>Who may take which step, and when: {@link Extents}, and docs/design/0010-residency.md.
 *
 * @param interval the interval of changes in which the extent began to leave; 0 if it does not
 */
record ExtentState(Phase phase, long interval) {
    /** What readers and writers are to know of an extent. */
    enum Phase {
        /** The rows are in the runs, and what was written since is in the overlay. */
        COLD,
        /** As cold; a hydrator is about to put the rows into the main column family. */
        LINKING,
        /** As cold; the rows wait in the main column family for the task thread. */
        LINKED,
        /** The rows are in the main column family. */
        RESIDENT,
        /**
         * The rows that were there when it began to leave are in the main column family, and change
         * no more; what was written since is in the overlay. The runs do not have them all yet.
         */
        LEAVING,
        /** As cold; the main column family still has rows that count no more. */
        STALE
    }

    static final ExtentState COLD = new ExtentState(Phase.COLD, 0);
    static final ExtentState LINKING = new ExtentState(Phase.LINKING, 0);
    static final ExtentState LINKED = new ExtentState(Phase.LINKED, 0);
    static final ExtentState RESIDENT = new ExtentState(Phase.RESIDENT, 0);
    static final ExtentState STALE = new ExtentState(Phase.STALE, 0);

    static ExtentState leaving(long interval) {
        return new ExtentState(Phase.LEAVING, interval);
    }

    /** Whether writes go to the main column family, and reads look nowhere else. */
    boolean isResident() {
        return phase == Phase.RESIDENT;
    }

    boolean isLeaving() {
        return phase == Phase.LEAVING;
    }

    /** Whether a read finds all rows on the local disk. */
    boolean isLocal() {
        return isResident() || isLeaving();
    }
}
