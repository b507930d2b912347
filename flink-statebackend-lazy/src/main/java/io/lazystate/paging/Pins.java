package io.lazystate.paging;

import io.lazystate.loading.ColdExtent;
import io.lazystate.manifest.Extent;
import io.lazystate.paging.ExtentState.Phase;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.rocksdb.RocksDBException;

/**
 * The extents that somebody fetches whole.
 *
 * <p>While there is one, every new checkpoint refers to its files (I11), nothing becomes cold at
 * the task's wish, and the overlay keeps its rows: what was fetched has to be complete when it is
 * linked. Threads: any.
 */
final class Pins {
    private final StateRegistry states;

    /** Guarded by itself. */
    private final Set<Pinned> pins = new HashSet<>();

    Pins(StateRegistry states) {
        this.states = states;
    }

    /** Proof that nothing is pinned, and that nothing that was linked waits for the task thread. */
    static final class None {
        private None() {}
    }

    interface Work {
        void run(None nothing) throws RocksDBException;
    }

    /** A state may be dropped, and another one of its name made. */
    private record Current(PagedState state, Extent extent) {}

    /** What one hydrator fetches. */
    final class Pinned implements AutoCloseable {
        private final List<ColdExtent> extents;
        private final Set<Current> current;

        /**
         * @param current those that were as their layouts said when they were pinned
         */
        private Pinned(List<ColdExtent> extents, Set<Current> current) {
            this.extents = extents;
            this.current = current;
        }

        /** Whether the rows that the extent's runs do not have are still in the overlay. */
        boolean isWhole(PagedState state, Extent extent) {
            return isCurrent(state, extent) || current.contains(new Current(state, extent));
        }

        @Override
        public void close() {
            synchronized (pins) {
                pins.remove(this);
            }
        }
    }

    Pinned pin(List<ColdExtent> extents) {
        synchronized (pins) {
            Set<Current> current = new HashSet<>();
            for (ColdExtent cold : extents) {
                PagedState state = states.named(cold.state());
                if (state != null && isCurrent(state, cold.extent())) {
                    current.add(new Current(state, cold.extent()));
                }
            }
            Pinned pinned = new Pinned(List.copyOf(extents), current);
            pins.add(pinned);
            return pinned;
        }
    }

    /** Whether the extent is cold, and still what the newest layout says it is. */
    private static boolean isCurrent(PagedState state, Extent extent) {
        ExtentMap map = state.map();
        int index = map.indexOf(extent.lower());
        return !map.isLocal(index) && map.extent(index).equals(extent);
    }

    /**
     * Does something that nothing must be on its way for, if nothing is: what was fetched before,
     * and is linked after it, would miss rows.
     *
     * @return whether it was done
     */
    boolean ifNone(Work work) throws RocksDBException {
        synchronized (pins) {
            if (!pins.isEmpty() || somethingIsLinked()) {
                return false;
            }
            work.run(new None());
            return true;
        }
    }

    private boolean somethingIsLinked() {
        return states.all().stream()
                .anyMatch(
                        state ->
                                state.map()
                                        .isAny(
                                                of ->
                                                        of.phase() == Phase.LINKING
                                                                || of.phase() == Phase.LINKED));
    }

    /** Adds the files that are being fetched. */
    void addObjects(Set<StoredObject> objects) {
        synchronized (pins) {
            for (Pinned pinned : pins) {
                for (ColdExtent cold : pinned.extents) {
                    Extent extent = cold.extent();
                    Run base = extent.base();
                    if (base != null) {
                        objects.add(base.object());
                    }
                    extent.deltas().forEach(delta -> objects.add(delta.object()));
                }
            }
        }
    }
}
