package io.lazystate.snapshot;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * What a checkpoint rewrites of one state beside what changed: which extents fold into new base
 * runs, and how many generations of deltas are merged with the changes.
 *
 * <p>Bounds: no extent ever needs more than {@link #MAX_RUNS} runs, and less than half of the live
 * bytes is superseded: base rows with a newer version are at most {@link #MOST_SUPERSEDED_BASE} of
 * them, delta rows that nobody needs {@link #MOST_DEAD_DELTA}, estimated. Folding is spread: the
 * worst extents first, up to a budget of bytes, which is exceeded only to keep the bound. Pure: no
 * I/O. Reasons and figures: docs/design/0003-folding.md.
 */
final class RewritePlan {
    /** Runs of one extent at the most, its base included. */
    static final int MAX_RUNS = 8;

    /** Generations of deltas at the most; one less than fit, for a checkpoint that cannot merge. */
    private static final int MAX_GENERATIONS = MAX_RUNS - 2;

    /** A generation is merged when it is no larger than all younger ones together, about. */
    private static final double SIMILAR = 1.25;

    /** Fewer runs are not merged: they would be written again with the next one. */
    private static final int FEWEST_MERGED = 3;

    /** An extent of whose rows more than one in so many changed is written anew at once. */
    private static final int FEW_CHANGED_PART = 3;

    /** Shares of the live bytes. */
    private static final double SUPERSEDED_BASE = 0.15;

    private static final double MOST_SUPERSEDED_BASE = 0.25;
    private static final double MOST_DEAD_DELTA = 0.08;

    /** The budget of one checkpoint for folding: one part in so many of the live bytes. */
    private static final int BUDGET_PART = 8;

    /**
     * Superseded bytes that are no reason to rewrite anything: one part in so many of an extent.
     */
    private static final int IGNORED_PART = 256;

    /** A cold extent is read before it is written. */
    private static final double COLD_COST = 3;

    /**
     * One state as it was captured.
     *
     * @param resident by the extent's index
     * @param changed keys that changed since the layout was written, by the extent's index
     * @param referred see {@link RunShares#referred}
     * @param mustCopy whether a run that is kept must be copied into the checkpoint
     */
    record State(
            StateLayout layout,
            IntPredicate resident,
            long[] changed,
            Map<StoredObject, Long> referred,
            Predicate<Run> mustCopy) {}

    private final State state;
    private final long extentBytes;
    private final RunShares shares;
    private final DeltaAges ages;
    private final double[] superseded;
    private final double liveBytes;
    private final BitSet folds = new BitSet();
    private int merged;

    private RewritePlan(State state, long extentBytes) {
        this.state = state;
        this.extentBytes = extentBytes;
        this.shares = new RunShares(state.layout(), state.referred());
        this.ages = DeltaAges.of(state.layout());
        this.superseded = new double[state.changed().length];
        double live = sum(state.changed()) * bytesOfARow();
        for (int i = 0; i < superseded.length; i++) {
            Run base = extent(i).base();
            if (base != null) {
                superseded[i] = superseded(extent(i), base, state.changed()[i]);
                live += shares.live(base) - superseded[i];
            }
        }
        for (int i = 0; i < ages.generations(); i++) {
            live += ages.generation(i).stream().mapToDouble(shares::live).sum();
        }
        this.liveBytes = live;
    }

    /**
     * Plans a checkpoint.
     *
     * @param onlyBounds whether to rewrite no more than the number of runs demands: the first
     *     checkpoint after a restore is to be small
     */
    static RewritePlan of(State state, long extentBytes, boolean onlyBounds) {
        RewritePlan plan = new RewritePlan(state, extentBytes);
        plan.foldWhatIsNew();
        if (!onlyBounds) {
            plan.foldWorst();
        }
        plan.merged = plan.generationsToMerge(onlyBounds);
        return plan;
    }

    /**
     * A plan for when something cannot be read: it merges nothing, and folds only what would
     * otherwise need too many runs, which reads local rows if the extent is resident.
     */
    static RewritePlan least(State state, long extentBytes) {
        RewritePlan plan = new RewritePlan(state, extentBytes);
        plan.foldWhatIsNew();
        for (int i = 0; i < state.changed().length; i++) {
            if (state.changed()[i] > 0 && plan.extent(i).runs() >= MAX_RUNS) {
                plan.folds.set(i);
            }
        }
        return plan;
    }

    /** Whether the extent with this index is written anew. */
    boolean folds(int extent) {
        return folds.get(extent);
    }

    /** The extent's deltas that are merged with its changes, newest first. */
    List<Run> merged(Extent extent) {
        return ages.youngest(extent, merged);
    }

    /** How many runs it merges. */
    int runsMerged() {
        int runs = 0;
        for (int i = 0; i < merged; i++) {
            runs += ages.generation(i).size();
        }
        return runs;
    }

    /** How many extents that had a base run it writes anew. */
    int extentsFolded() {
        return (int)
                folds.stream().filter(i -> state.layout().extents().get(i).base() != null).count();
    }

    private Extent extent(int index) {
        return state.layout().extents().get(index);
    }

    /**
     * Extents of which nothing is in the store, and those of which many rows changed; also those
     * whose base would have to be copied with rows of other subtasks, after a rescale.
     */
    private void foldWhatIsNew() {
        for (int i = 0; i < state.changed().length; i++) {
            Run base = extent(i).base();
            boolean isNew =
                    state.resident().test(i)
                            && (base == null
                                    || FEW_CHANGED_PART * state.changed()[i] > base.meta().rows());
            boolean isDivided =
                    base != null
                            && state.mustCopy().test(base)
                            && !RunShares.isInside(base, extent(i));
            folds.set(i, isNew || isDivided);
        }
    }

    // ------------------------------------------------------------------ folding

    private record Candidate(int extent, double superseded, double bytes, double cost) {}

    private void foldWorst() {
        List<Candidate> candidates = new ArrayList<>();
        double left = 0;
        for (int i = 0; i < superseded.length; i++) {
            Run base = extent(i).base();
            if (base != null && !folds.get(i) && superseded[i] > 0) {
                double bytes = shares.live(base);
                double cost = state.resident().test(i) ? bytes : COLD_COST * bytes;
                candidates.add(new Candidate(i, superseded[i], bytes, cost));
                left += superseded[i];
            }
        }
        candidates.sort(Comparator.comparingDouble(c -> c.cost() / c.superseded()));
        double budget = Math.max(liveBytes / BUDGET_PART, (double) extentBytes);
        for (Candidate worst : candidates) {
            boolean must = left > atLeastIgnored(MOST_SUPERSEDED_BASE * liveBytes);
            boolean may = left > atLeastIgnored(SUPERSEDED_BASE * liveBytes);
            if (!must && !(may && worst.bytes() <= budget)) {
                break;
            }
            folds.set(worst.extent());
            left -= worst.superseded();
            budget -= worst.bytes();
        }
    }

    /**
     * Bytes of the extent's base that changes and deltas have newer versions of, if every key in
     * them is another, and one that the base has; with what is dead beside it.
     */
    private double superseded(Extent extent, Run base, long changed) {
        double rows = changed;
        for (Run delta : extent.deltas()) {
            rows += delta.meta().rows() * shares.share(delta, extent);
        }
        double bytesOfARow = (double) base.meta().regionBytes() / base.meta().rows();
        return Math.min(shares.live(base), rows * bytesOfARow) + shares.dead(base);
    }

    private double atLeastIgnored(double bytes) {
        return Math.max(bytes, (double) extentBytes / IGNORED_PART);
    }

    // ------------------------------------------------------------------ merging

    private int generationsToMerge(boolean onlyBounds) {
        int generations = ages.generations();
        double[] live = new double[generations];
        double[] dead = new double[generations];
        for (int i = 0; i < generations; i++) {
            for (Run run : ages.generation(i)) {
                double folded = bytesOfFolded(run);
                live[i] += shares.live(run) - folded;
                dead[i] += shares.dead(run) + folded;
            }
        }
        long changes = changesOfUnfolded();
        int fresh = changes > 0 ? 1 : 0;
        double freshBytes = changes * bytesOfARow();
        if (onlyBounds) {
            boolean fits = generations + fresh <= MAX_GENERATIONS + 1;
            return fits ? 0 : cheapest(live, freshBytes);
        }
        int wanted = Math.max(similar(live, freshBytes), mostlyDead(dead));
        boolean fits = generations + fresh <= MAX_GENERATIONS;
        return wanted > 0 || fits ? wanted : cheapest(live, freshBytes);
    }

    private double bytesOfFolded(Run delta) {
        double share = 0;
        for (int i = folds.nextSetBit(0); i >= 0; i = folds.nextSetBit(i + 1)) {
            if (extent(i).deltas().contains(delta)) {
                share += shares.share(delta, extent(i));
            }
        }
        return Math.min(shares.live(delta), share * delta.meta().regionBytes());
    }

    private long changesOfUnfolded() {
        long changes = 0;
        for (int i = 0; i < state.changed().length; i++) {
            changes += folds.get(i) ? 0 : state.changed()[i];
        }
        return changes;
    }

    /** As many as are similar in size to all that is younger. */
    private static int similar(double[] live, double freshBytes) {
        double younger = freshBytes;
        int count = 0;
        while (count < live.length && live[count] <= SIMILAR * younger) {
            younger += live[count++];
        }
        return count + 1 >= FEWEST_MERGED ? count : 0;
    }

    /** As many as must be written again for what is dead to go. */
    private int mostlyDead(double[] dead) {
        double left = Arrays.stream(dead).sum();
        int count = 0;
        while (count < dead.length && left > atLeastIgnored(MOST_DEAD_DELTA * liveBytes)) {
            left -= dead[count++];
        }
        return count;
    }

    /** The number that costs the fewest bytes for each run that is saved. */
    private static int cheapest(double[] live, double freshBytes) {
        int best = 1;
        double bestCost = Double.MAX_VALUE;
        double bytes = freshBytes;
        for (int count = 1; count <= live.length; count++) {
            bytes += live[count - 1];
            if (bytes / count < bestCost) {
                bestCost = bytes / count;
                best = count;
            }
        }
        return best;
    }

    private double bytesOfARow() {
        long bytes = 0;
        long rows = 0;
        for (Run run : state.layout().runs()) {
            bytes += run.meta().regionBytes();
            rows += run.meta().rows();
        }
        return rows == 0 ? 0 : (double) bytes / rows;
    }

    private static double sum(long[] values) {
        return (double) Arrays.stream(values).sum();
    }
}
