package io.lazystate.snapshot;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.run.RunMeta;
import io.lazystate.store.StoredObject;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * How much of its runs a state still needs, by the extents that refer to them: what was folded or
 * merged away is dead, and stays in the store for as long as the rest of its object is needed.
 *
 * <p>Estimates, by whole pages where a page table is here. Units: stored bytes.
 */
final class RunShares {
    private final Map<StoredObject, Long> referred;
    private final Map<Run, Integer> extents = new HashMap<>();
    private final Map<Run, Double> live = new HashMap<>();

    /**
     * @param referred bytes of each object that runs of any state refer to
     */
    RunShares(StateLayout layout, Map<StoredObject, Long> referred) {
        this.referred = referred;
        layout.extents().forEach(extent -> forEachRun(extent, this::countExtent));
        for (Extent extent : layout.extents()) {
            forEachRun(extent, run -> live.merge(run, share(run, extent), Double::sum));
        }
    }

    /** The bytes of each object that runs of these layouts refer to. */
    static Map<StoredObject, Long> referred(Iterable<StateLayout> layouts) {
        Map<StoredObject, Long> bytes = new LinkedHashMap<>();
        for (StateLayout layout : layouts) {
            for (Run run : layout.runs()) {
                bytes.merge(run.object(), run.meta().regionBytes(), Long::sum);
            }
        }
        return bytes;
    }

    /** The share of the run's rows that lie in the extent, 0 to 1. */
    double share(Run run, Extent extent) {
        if (isInside(run, extent)) {
            return 1;
        }
        byte[] upper = extent.upper();
        int referring = extents.getOrDefault(run, 1);
        PageTable table = run.pageTable();
        if (table == null || table.pages() < 2 * referring) {
            return 1.0 / referring;
        }
        int from = Math.max(0, table.pageFor(extent.lower()));
        int to = upper == null ? table.pages() - 1 : table.pageFor(upper);
        return Math.max(to - from, 0.5) / table.pages(); // half of the first, half of the last
    }

    /** Whether all keys of the run lie in the extent. */
    static boolean isInside(Run run, Extent extent) {
        RunMeta meta = run.meta();
        byte[] upper = extent.upper();
        return Arrays.compareUnsigned(extent.lower(), meta.firstKey()) <= 0
                && (upper == null || Arrays.compareUnsigned(meta.lastKey(), upper) < 0);
    }

    /** Bytes of the run that extents need. */
    double live(Run run) {
        return run.meta().regionBytes() * Math.min(1, live.getOrDefault(run, 0.0));
    }

    /**
     * Bytes that go with the run and that nobody needs: of itself, and its part of the object's.
     */
    double dead(Run run) {
        long bytes = run.meta().regionBytes();
        long others = referred.getOrDefault(run.object(), bytes);
        double unreferred = Math.max(0, run.object().length() - others);
        return bytes - live(run) + unreferred * bytes / others;
    }

    private void countExtent(Run run) {
        extents.merge(run, 1, Integer::sum);
    }

    private static void forEachRun(Extent extent, Consumer<Run> consumer) {
        Run base = extent.base();
        if (base != null) {
            consumer.accept(base);
        }
        extent.deltas().forEach(consumer);
    }
}
