package io.lazystate.snapshot;

import io.lazystate.manifest.Extent;
import io.lazystate.run.Run;

/**
 * Which extents a checkpoint writes anew instead of adding a delta to them.
 *
 * <p>Bound: no extent ever needs more than {@link #MAX_RUNS} runs. Resident extents fold earlier,
 * at staggered numbers of deltas, so that evenly spread updates do not fold the whole base at once;
 * cold ones, which would have to be read, only at the bound.
 */
final class FoldPolicy {
    /** Runs of one extent at the most, its base included. */
    static final int MAX_RUNS = 8;

    private static final int EARLIEST_FOLD_DELTAS = 4;
    private static final int STAGGER = MAX_RUNS - 1 - EARLIEST_FOLD_DELTAS;

    private FoldPolicy() {}

    /**
     * @param ordinal the extent's place in its state
     * @param changed keys that changed since its last run, at most
     */
    static boolean folds(Extent extent, int ordinal, long changed, boolean resident) {
        Run base = extent.base();
        if (resident && base == null) {
            return true; // nothing of it is in the store yet
        }
        if (changed == 0) {
            return false;
        }
        if (extent.runs() >= MAX_RUNS) {
            return true;
        }
        return resident
                && base != null
                && (2 * changed > base.meta().rows()
                        || extent.deltas().size() >= EARLIEST_FOLD_DELTAS + ordinal % STAGGER);
    }
}
