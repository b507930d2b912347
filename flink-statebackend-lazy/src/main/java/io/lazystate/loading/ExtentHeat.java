package io.lazystate.loading;

import io.lazystate.manifest.Extent;
import io.lazystate.run.Run;
import java.util.Map;
import java.util.WeakHashMap;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * How much each cold extent is read, lately above all.
 *
 * <p>Each read counts one, and half of it is forgotten with every {@link #HALF_LIFE_READS} further
 * reads of anything. Threads: any. Cost: nothing for resident rows; under a microsecond for a cold
 * read. Memory: some 100 bytes an extent, for as long as its runs are in use.
 */
@Internal
public final class ExtentHeat {
    private static final double HALF_LIFE_READS = 10_000;

    private record Level(double reads, long at) {
        double after(long now) {
            return reads * Math.pow(2, (at - now) / HALF_LIFE_READS);
        }
    }

    /** By one run of each extent; runs compare by identity. */
    private final Map<Run, Level> levels = new WeakHashMap<>();

    private long reads;

    ExtentHeat() {}

    /** Notes a read. */
    public synchronized void touch(Extent extent) {
        Run run = run(extent);
        if (run == null) {
            return; // nothing to read, nothing to fetch
        }
        Level old = levels.get(run);
        long now = ++reads;
        levels.put(run, new Level(1 + (old == null ? 0 : old.after(now)), now));
    }

    /** How hot an extent is; 0 if it was never read. */
    public synchronized double of(Extent extent) {
        Run run = run(extent);
        Level level = run == null ? null : levels.get(run);
        return level == null ? 0 : level.after(reads);
    }

    /** Reads so far: while it does not change, neither does the order of the extents. */
    public synchronized long reads() {
        return reads;
    }

    private static @Nullable Run run(Extent extent) {
        Run base = extent.base();
        if (base != null || extent.deltas().isEmpty()) {
            return base;
        }
        return extent.deltas().get(0);
    }
}
