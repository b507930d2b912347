package io.lazystate.loading;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.HeatCode;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * How much each extent is read, lately above all.
 *
 * <p>Half of what was read is forgotten with every {@link #HALF_LIFE_READS} further reads of
 * anything. A checkpoint keeps it, coarsely, and a restore starts from there. Heat is that of a key
 * range, whatever its size: parts of an extent are as hot as the whole, and several together as the
 * hottest of them. Threads: any. Cost: under a microsecond for a read that counts. Memory: some 100
 * bytes an extent, for as long as its runs are in use.
 */
@Internal
public final class ExtentHeat {
    private static final double HALF_LIFE_READS = 1_000_000;

    /** What the hottest extent of a checkpoint counts for: some seconds of cold reads. */
    private static final double RESTORED_READS = 1_000;

    private record Level(double reads, long at) {
        double after(long now) {
            return reads * Math.pow(2, (at - now) / HALF_LIFE_READS);
        }
    }

    /** By one run of each extent; runs compare by identity. */
    private final Map<Run, Level> levels = new WeakHashMap<>();

    private long reads;

    ExtentHeat() {}

    /**
     * Notes reads.
     *
     * @param count more than one if they are a sample that stands for so many
     */
    public synchronized void touch(Extent extent, int count) {
        Run run = run(extent);
        if (run == null) {
            return; // nothing to read, nothing to fetch
        }
        Level old = levels.get(run);
        reads += count;
        levels.put(run, new Level(count + (old == null ? 0 : old.after(reads)), reads));
    }

    /** How hot an extent is, in reads; 0 if it was never read. */
    public synchronized double of(Extent extent) {
        Run run = run(extent);
        Level level = run == null ? null : levels.get(run);
        return level == null ? 0 : level.after(reads);
    }

    /** Reads so far: while it does not change, neither does the order of the extents. */
    public synchronized long reads() {
        return reads;
    }

    /** Starts with the heat that a checkpoint has of an extent, as a {@link HeatCode}. */
    public synchronized void restore(Extent extent, int code) {
        put(extent, RESTORED_READS * HeatCode.share(code));
    }

    /** Carries the heat on when a checkpoint's extents take the place of those that were there. */
    public synchronized void carry(StateLayout from, StateLayout to) {
        carried(from, to).forEach(this::put);
    }

    private void put(Extent extent, double heat) {
        Run run = run(extent);
        if (run != null && heat > 0 && !levels.containsKey(run)) {
            levels.put(run, new Level(heat, reads));
        }
    }

    /** The extents of one state that a checkpoint writes, and those that it captured. */
    public record Change(StateLayout captured, StateLayout written) {}

    /** The {@link HeatCode} of each extent that a checkpoint writes; those of 0 are left out. */
    public synchronized Map<Extent, Integer> codes(Collection<Change> states) {
        Map<Extent, Double> heat = new HashMap<>();
        states.forEach(state -> heat.putAll(carried(state.captured(), state.written())));
        double hottest = heat.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
        Map<Extent, Integer> codes = new HashMap<>();
        heat.forEach(
                (extent, reads) -> {
                    int code = HeatCode.of(reads, hottest);
                    if (code > 0) {
                        codes.put(extent, code);
                    }
                });
        return codes;
    }

    /** Of each extent the greatest heat of those in whose range it lies. */
    private Map<Extent, Double> carried(StateLayout from, StateLayout to) {
        Map<Extent, Double> heat = new HashMap<>();
        List<Extent> old = from.extents();
        int first = 0;
        for (Extent extent : to.extents()) {
            while (!endsBehind(old.get(first), extent.lower())) {
                first++;
            }
            double most = 0;
            for (int i = first;
                    i < old.size() && old.get(i).overlaps(extent.lower(), extent.upper());
                    i++) {
                most = Math.max(most, of(old.get(i)));
            }
            if (most > 0) {
                heat.put(extent, most);
            }
        }
        return heat;
    }

    private static boolean endsBehind(Extent extent, byte[] key) {
        byte[] upper = extent.upper();
        return upper == null || Arrays.compareUnsigned(key, upper) < 0;
    }

    private static @Nullable Run run(Extent extent) {
        Run base = extent.base();
        if (base != null || extent.deltas().isEmpty()) {
            return base;
        }
        return extent.deltas().get(0);
    }
}
