package io.lazystate.paging;

import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteOptions;

/**
 * Changes which extents are resident: takes in what was linked, lets go of what is evicted.
 *
 * <p>A resident extent whose runs are known to hold all that was written to it becomes cold at
 * once. Any other leaves: what is written to it from now on goes to the overlay, and it becomes
 * cold with the first checkpoint that was captured after that, since this one has all its rows.
 * Threads: the task thread, but for {@link #ask}. Cost: evicting moves no row.
 */
final class Residency {
    private final StateRegistry states;
    private final Overlay overlay;
    private final Linker linker;
    private final StaleRows stale;
    private final PagingContext context;
    private final ReadOptions readOptions;
    private final WriteOptions writeOptions;

    /** Held while rows change their place; readers of other threads then read again. */
    private final StampedLock moves = new StampedLock();

    private final AtomicReference<@Nullable Runnable> errand = new AtomicReference<>();
    private volatile boolean due;
    private @Nullable OverlayTrim trim;
    private long adopted;
    private long adoptedBefore;

    Residency(
            StateRegistry states,
            Overlay overlay,
            Linker linker,
            StaleRows stale,
            PagingContext context,
            ReadOptions readOptions,
            WriteOptions writeOptions) {
        this.states = states;
        this.overlay = overlay;
        this.linker = linker;
        this.stale = stale;
        this.context = context;
        this.readOptions = readOptions;
        this.writeOptions = writeOptions;
    }

    StampedLock moves() {
        return moves;
    }

    /** Whether there is something to settle. Threads: any. Cost: two fields. */
    boolean isDue() {
        return due || linker.hasLinked();
    }

    /** Has something done by the task thread at its next access; the latest errand counts. */
    void ask(Runnable work) {
        errand.set(work);
        due = true;
    }

    void settle() {
        moveLinked();
        if (due) {
            due = false;
            Runnable work = errand.getAndSet(null);
            if (work != null) {
                work.run();
            }
            stepTrim();
        }
    }

    // ------------------------------------------------------------------ in

    private void moveLinked() {
        Linker.Linked linked;
        while ((linked = linker.peek()) != null) {
            if (states.contains(linked.state())) {
                move(linked.state(), linked.lower(), linked.upper());
            }
            linker.remove();
            if (!linker.hasLinked() && states.allResident()) {
                context.loader().dropCache();
            }
        }
    }

    /**
     * Copies the overlay's rows, marks the extent resident, then drops them: wherever it fails,
     * what is read is right, and the next access goes on from there.
     */
    private void move(PagedState state, byte[] lower, byte @Nullable [] upper) {
        long stamp = moves.writeLock();
        try {
            if (!state.map().isResident(lower)) {
                overlay.copy(state, lower, upper, readOptions, writeOptions);
                state.setMap(state.map().withResident(lower, upper));
                state.hotRows().remove(lower, upper);
            }
            overlay.forget(state, lower, upper, readOptions, writeOptions);
        } catch (RocksDBException e) {
            throw Natives.failed(
                    PagedRocksDB.where(state), "moving rows written to a cold extent", e);
        } finally {
            moves.unlockWrite(stamp);
        }
    }

    /** Makes leaving extents of a state resident again. */
    void recall(PagedState state) {
        for (int i = 0; i < state.map().size(); i++) {
            if (state.map().isLeaving(i)) {
                Extent extent = state.map().extent(i);
                move(state, extent.lower(), extent.upper());
            }
        }
    }

    // ------------------------------------------------------------------ out

    List<Evictable> evictable(Predicate<String> ofStates) {
        List<Evictable> found = new ArrayList<>();
        for (PagedState state : states.all()) {
            if (ofStates.test(state.name())) {
                ExtentMap map = state.map();
                for (int i = 0; i < map.size(); i++) {
                    if (map.isResident(i) && map.extent(i).runs() > 0) {
                        found.add(new Evictable(state.name(), map.extent(i), state.isClean(i)));
                    }
                }
            }
        }
        return found;
    }

    /**
     * Evicts extents.
     *
     * @param interval of changes that is running
     */
    void evict(List<Evictable> victims, long interval) {
        Map<PagedState, BitSet> byState = new HashMap<>();
        for (Evictable victim : victims) {
            PagedState state = states.named(victim.state());
            int index = state == null ? -1 : state.map().indexOf(victim.extent().lower());
            if (state != null
                    && state.map().extent(index).equals(victim.extent())
                    && state.map().isResident(index)) {
                byState.computeIfAbsent(state, s -> new BitSet()).set(index);
            }
        }
        byState.forEach((state, extents) -> evict(state, extents, interval));
    }

    private void evict(PagedState state, BitSet extents, long interval) {
        BitSet clean = new BitSet();
        extents.stream().filter(state::isClean).forEach(clean::set);
        long stamp = moves.writeLock();
        try {
            state.setMap(state.map().withLeaving(extents, interval));
            becomeCold(state, clean);
        } finally {
            moves.unlockWrite(stamp);
        }
        context.metrics().evictions().add(extents.cardinality());
    }

    private void becomeCold(PagedState state, BitSet extents) {
        // Known as stale before it is cold: nothing may be linked over it in between.
        extents.stream().forEach(i -> stale.add(state, state.map().extent(i)));
        state.setMap(state.map().withCold(extents));
    }

    /**
     * Goes on from a completed checkpoint.
     *
     * @param cut the last interval of changes that it has
     * @param interval that is running
     */
    void adopt(Map<PagedState, StateLayout> layouts, long cut, long interval) {
        long stamp = moves.writeLock();
        try {
            layouts.forEach(
                    (state, layout) -> {
                        state.adopt(layout, cut, interval);
                        becomeCold(state, state.map().savedBy(cut));
                    });
        } finally {
            moves.unlockWrite(stamp);
        }
        adoptedBefore = adopted;
        adopted = cut;
    }

    /**
     * Begins to forget rows of cold extents that the adopted checkpoint has, those written longest
     * ago.
     *
     * @param all also those written since the checkpoint before it
     */
    void trimOverlay(boolean all) {
        if (trim == null) {
            trim = new OverlayTrim(overlay, states, all ? adopted : adoptedBefore);
            due = true;
        }
    }

    private void stepTrim() {
        if (trim != null) {
            try {
                if (trim.step(readOptions, writeOptions)) {
                    trim = null;
                } else {
                    due = true;
                }
            } catch (RocksDBException e) {
                trim = null; // they stay, and are right
                throw Natives.failed(Where.NOWHERE, "giving back the overlay's space", e);
            }
        }
    }
}
