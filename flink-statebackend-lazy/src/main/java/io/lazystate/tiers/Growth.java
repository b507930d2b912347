package io.lazystate.tiers;

/**
 * How much a database grows from one completed checkpoint to the next: nothing of that can leave in
 * between.
 *
 * <p>Units: bytes. Threads: one.
 */
final class Growth {
    /** What is kept of the past at each checkpoint, when less is written than before. */
    private static final double MEMORY = 0.8;

    private long last;
    private long least = Long.MAX_VALUE;
    private double expected;

    /**
     * Takes a measurement in.
     *
     * @param used without what was hydrated, which is no growth; only differences count
     * @param checkpoint that completed last, in any numbering
     */
    void measured(long used, long checkpoint) {
        if (checkpoint != last) {
            last = checkpoint;
            least = used;
            expected *= MEMORY;
        }
        least = Math.min(least, used);
        expected = Math.max(expected, (double) (used - least));
    }

    /** The growth to be expected until the next checkpoint completes. */
    double expected() {
        return expected;
    }
}
