package io.lazystate.paging;

import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.ExtentState.Phase;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.rocksdb.RocksDBException;

/**
 * What the task thread does about the extents: takes in what was linked, lets go of what is
 * evicted, goes on with completed checkpoints.
 *
 * <p>A resident extent whose runs are known to hold all that was written to it is dropped at once.
 * Any other leaves: what is written to it from now on goes to the overlay, and it becomes cold with
 * the first checkpoint that was captured after that, since this one has all its rows. Threads: the
 * task thread; others where it is said. Cost: evicting moves no row.
 */
final class Residency {
    private final StateRegistry states;
    private final Overlay overlay;
    private final Pins pins;
    private final RowMoves moves;
    private final Captures captures;
    private final PagingContext context;
    private final Reads now;
    private final Errands errands;

    private volatile long adopted;

    /** Intervals of changes that have ended; the one with the next number is running. */
    private long cuts;

    Residency(
            StateRegistry states,
            Overlay overlay,
            Pins pins,
            RowMoves moves,
            Captures captures,
            PagingContext context,
            Reads now) {
        this.states = states;
        this.overlay = overlay;
        this.pins = pins;
        this.moves = moves;
        this.captures = captures;
        this.context = context;
        this.now = now;
        this.errands = new Errands();
    }

    /** What is to be done at the task thread's next access. Threads: any. */
    Errands errands() {
        return errands;
    }

    // ------------------------------------------------------------------ in

    /** Has what was linked taken in at the next access. Threads: any. */
    void linked() {
        errands.add(this::takeInLinked);
    }

    private void takeInLinked() {
        for (PagedState state : states.all()) {
            takeIn(state, state.map().in(Phase.LINKED));
        }
        if (states.allResident()) {
            context.loader().dropCache();
        }
    }

    /**
     * Makes extents resident: copies the overlay's rows over theirs, marks them, then has the
     * overlay forget them. Wherever it fails, what other threads read is right.
     *
     * @param extents that are linked, or leave
     */
    private void takeIn(PagedState state, BitSet extents) {
        extents.stream().forEach(i -> takeIn(state, i, state.map().extent(i)));
    }

    private void takeIn(PagedState state, int index, Extent extent) {
        try {
            moves.move(
                    move -> {
                        overlay.copy(state, extent.lower(), extent.upper(), now);
                        state.extents().arrive(move, index);
                        forgetHot(state, extent);
                        overlay.forget(state, extent.lower(), extent.upper(), now);
                    });
        } catch (RocksDBException e) {
            throw Natives.failed(
                    PagedRocksDB.where(state), "moving rows written to a cold extent", e);
        }
    }

    /** Pages and hot rows of a resident extent will not be used. */
    private void forgetHot(PagedState state, Extent extent) {
        Run base = extent.base();
        if (base != null) {
            context.loader().forget(base);
        }
        if (state.map().allResident()) {
            state.setHotRows(HotRows.NONE);
        } else {
            state.hotRows().remove(extent.lower(), extent.upper());
        }
    }

    /** Makes the leaving extents of a state resident again. */
    void recall(PagedState state) {
        takeIn(state, state.map().in(Phase.LEAVING));
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

    /** Evicts extents; none while something is being fetched, which would be outdated. */
    void evict(List<Evictable> victims) {
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
        try {
            pins.ifNone(
                    nothing ->
                            moves.move(
                                    move ->
                                            byState.forEach(
                                                    (state, extents) ->
                                                            evict(nothing, move, state, extents))));
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "evicting", e);
        }
    }

    private void evict(Pins.None nothing, RowMoves.Move move, PagedState state, BitSet extents) {
        BitSet clean = new BitSet();
        extents.stream().filter(state::isClean).forEach(clean::set);
        BitSet leaving = (BitSet) extents.clone();
        leaving.andNot(clean);
        state.extents().drop(nothing, move, clean);
        state.extents().leave(nothing, move, leaving, cuts + 1);
        context.metrics().evictions().add(extents.cardinality());
    }

    // ------------------------------------------------------------------ checkpoints

    /** Ends the running interval of changes with a capture; returns its number. */
    long cut() {
        return ++cuts;
    }

    /** Adds the files that open views, and whoever fetches whole extents, may need. */
    void addPinned(Set<StoredObject> objects) {
        captures.addObjects(objects);
        pins.addObjects(objects);
    }

    /**
     * Goes on from a completed checkpoint.
     *
     * @param cut the last interval of changes that it has
     */
    void adopt(Map<PagedState, StateLayout> layouts, long cut) {
        layouts.forEach(
                (state, layout) -> context.loader().heat().carry(state.map().layout(), layout));
        // A joined extent is resident as a whole.
        layouts.forEach((state, layout) -> takeIn(state, state.map().leavingInJoined(layout)));
        try {
            moves.move(move -> layouts.forEach((state, layout) -> state.adopt(move, layout, cut)));
            adopted = cut;
            layouts.keySet().forEach(this::takeBackEmpty);
            dropSaved(
                    overlay.generations()
                            ::isFull); // the newest generation can end only if there is room
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "giving back the overlay's space", e);
        }
    }

    /**
     * Nothing of an extent without runs is in the store: all its rows, if any, are local ones. It
     * stays as it is while it is being linked as it was before, or still has rows to purge.
     */
    private void takeBackEmpty(PagedState state) {
        BitSet empty = new BitSet();
        for (int i = 0; i < state.map().size(); i++) {
            boolean leaves = state.map().isLeaving(i) && state.map().extent(i).runs() == 0;
            empty.set(i, leaves || state.extents().linkNothing(i));
        }
        takeIn(state, empty);
    }

    /** The cut of the checkpoint that was adopted last; 0 if there is none. Threads: any. */
    long adopted() {
        return adopted;
    }

    /**
     * Gives rows back that were written to cold extents and that the adopted checkpoint has, those
     * written longest ago first; nothing while a view may read them.
     *
     * <p>What leaves has none there: it was resident then.
     *
     * @param wantedBytes of the local disk, about
     * @return bytes that were given back
     */
    long shrinkOverlay(double wantedBytes) {
        try {
            long before = overlay.generations().fileBytes();
            dropSaved(() -> before - overlay.generations().fileBytes() < wantedBytes);
            return before - overlay.generations().fileBytes();
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "giving back the overlay's space", e);
        }
    }

    private interface Condition {
        boolean holds() throws RocksDBException;
    }

    private void dropSaved(Condition more) throws RocksDBException {
        if (!captures.isEmpty()) {
            return;
        }
        pins.ifNone(
                nothing -> {
                    while (more.holds() && overlay.generations().canDropOldest(adopted)) {
                        // A hot row that was written over there would count again.
                        states.all().forEach(state -> state.setHotRows(HotRows.NONE));
                        if (!overlay.generations().dropOldest()) {
                            return;
                        }
                        context.metrics().overlayDrops().increment();
                    }
                });
    }
}
