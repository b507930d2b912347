package io.lazystate.paging;

import io.lazystate.loading.ColdExtent;
import io.lazystate.manifest.Extent;
import io.lazystate.paging.ExtentState.Phase;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
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
    private record Fetched(PagedState state, Extent extent) {}

    /** What one hydrator fetches. */
    final class Pinned implements AutoCloseable {
        private final Set<Fetched> fetched;

        private Pinned(Set<Fetched> fetched) {
            this.fetched = fetched;
        }

        List<ColdExtent> extents() {
            return fetched.stream()
                    .map(one -> new ColdExtent(one.state().name(), one.extent()))
                    .toList();
        }

        /** Whether the rows that the extent's runs do not have are still in the overlay. */
        boolean isWhole(PagedState state, Extent extent) {
            return fetched.contains(new Fetched(state, extent));
        }

        @Override
        public void close() {
            synchronized (pins) {
                pins.remove(this);
            }
        }
    }

    /** Pins the chosen ones of the cold extents, as they are at this moment. */
    Pinned pin(Predicate<ColdExtent> chosen) {
        synchronized (pins) {
            Set<Fetched> fetched = new LinkedHashSet<>();
            for (PagedState state : states.all()) {
                for (Extent extent : state.map().toBeLinked()) {
                    if (chosen.test(new ColdExtent(state.name(), extent))) {
                        fetched.add(new Fetched(state, extent));
                    }
                }
            }
            Pinned pinned = new Pinned(fetched);
            pins.add(pinned);
            return pinned;
        }
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
                for (Fetched one : pinned.fetched) {
                    Run base = one.extent().base();
                    if (base != null) {
                        objects.add(base.object());
                    }
                    one.extent().deltas().forEach(delta -> objects.add(delta.object()));
                }
            }
        }
    }
}
