package io.lazystate.paging;

import io.lazystate.error.Where;
import io.lazystate.loading.ColdExtent;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;

/**
 * Changes which extents are resident: takes in what was linked, lets go of what is evicted.
 *
 * <p>A resident extent whose runs are known to hold all that was written to it becomes cold at
 * once. Any other leaves: what is written to it from now on goes to the overlay, and it becomes
 * cold with the first checkpoint that was captured after that, since this one has all its rows.
 * Threads: the task thread; others where it is said. Cost: evicting moves no row.
 */
final class Residency {
    private final StateRegistry states;
    private final Overlay overlay;
    private final Linker linker;
    private final StaleRows stale;
    private final PagingContext context;
    private final Captures captures;
    private final Reads now;

    /** Held while rows change their place; readers of other threads then read again. */
    private final StampedLock moves = new StampedLock();

    private final Queue<Runnable> errands = new ConcurrentLinkedQueue<>();

    private volatile boolean due;

    private volatile long adopted;

    /** Intervals of changes that have ended; the one with the next number is running. */
    private long cuts;

    Residency(
            StateRegistry states,
            Overlay overlay,
            Linker linker,
            StaleRows stale,
            Captures captures,
            PagingContext context,
            Reads now) {
        this.states = states;
        this.overlay = overlay;
        this.linker = linker;
        this.stale = stale;
        this.context = context;
        this.captures = captures;
        this.now = now;
    }

    StampedLock moves() {
        return moves;
    }

    /** Whether there is something to settle. Threads: any. Cost: two fields. */
    boolean isDue() {
        return due || linker.hasLinked();
    }

    /** Has something done by the task thread at its next access. Threads: any. */
    void ask(Runnable work) {
        errands.add(work);
        due = true;
    }

    void settle() {
        moveLinked();
        if (due) {
            due = false;
            try {
                Runnable work;
                while ((work = errands.poll()) != null) {
                    work.run();
                }
            } finally {
                if (!errands.isEmpty()) {
                    due = true; // one failed; the others are still to come
                }
            }
        }
    }

    // ------------------------------------------------------------------ in

    private void moveLinked() {
        if (!linker.hasLinked()) {
            return;
        }
        Linker.Linked linked;
        while ((linked = linker.peek()) != null) {
            if (states.contains(linked.state())) {
                move(linked.state(), linked.lower(), linked.upper());
            }
            linker.remove();
        }
        if (states.allResident()) {
            context.loader().dropCache();
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
                overlay.copy(state, lower, upper, now);
                state.setMap(state.map().withResident(lower, upper));
                forgetPages(state.map().extent(state.map().indexOf(lower)));
                if (state.map().allResident()) {
                    state.setHotRows(HotRows.NONE);
                } else {
                    state.hotRows().remove(lower, upper);
                }
            }
            overlay.forget(state, lower, upper, now);
        } catch (RocksDBException e) {
            throw Natives.failed(
                    PagedRocksDB.where(state), "moving rows written to a cold extent", e);
        } finally {
            moves.unlockWrite(stamp);
        }
    }

    /** Pages of a resident extent in the cache will not be used. */
    private void forgetPages(Extent extent) {
        Run base = extent.base();
        if (base != null) {
            context.loader().forget(base);
        }
    }

    /** Makes the leaving extents of a state resident again. */
    void recall(PagedState state) {
        BitSet leaving = new BitSet();
        for (int i = 0; i < state.map().size(); i++) {
            leaving.set(i, state.map().isLeaving(i));
        }
        recall(state, leaving);
    }

    private void recall(PagedState state, BitSet leaving) {
        leaving.stream()
                .mapToObj(state.map()::extent)
                .toList()
                .forEach(extent -> move(state, extent.lower(), extent.upper()));
    }

    /** Drops a state with all its rows. */
    void drop(PagedState state) throws RocksDBException {
        linker.drop(state);
        overlay.drop(state);
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
            linker.ifNothingIsPinned(() -> byState.forEach(this::evict));
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "evicting", e);
        }
    }

    private void evict(PagedState state, BitSet extents) {
        BitSet clean = new BitSet();
        extents.stream().filter(state::isClean).forEach(clean::set);
        long stamp = moves.writeLock();
        try {
            state.setMap(state.map().withLeaving(extents, cuts + 1));
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

    /** Whether evicted rows of the extent's range are still to be purged. Threads: any. */
    boolean isStale(ColdExtent extent) {
        PagedState state = states.named(extent.state());
        return state != null && stale.overlaps(state, extent.extent());
    }

    // ------------------------------------------------------------------ checkpoints

    /** Ends the running interval of changes with a capture; returns its number. */
    long cut() {
        return ++cuts;
    }

    /** Adds the files that open views, and whoever fetches whole extents, may need. */
    void addPinned(Set<StoredObject> objects) {
        captures.addObjects(objects);
        linker.addPinned(objects);
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
        layouts.forEach((state, layout) -> recall(state, state.map().leavingInJoined(layout)));
        long stamp = moves.writeLock();
        try {
            layouts.forEach(
                    (state, layout) -> {
                        state.adopt(layout, cut);
                        becomeCold(state, state.map().savedBy(cut));
                    });
        } finally {
            moves.unlockWrite(stamp);
        }
        adopted = cut;
        layouts.keySet().forEach(this::takeBackEmpty);
        try {
            dropSaved(overlay::isFull); // the newest generation can end only if there is room
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "giving back the overlay's space", e);
        }
    }

    /** Nothing of an extent without runs is in the store: all its rows, if any, are local ones. */
    private void takeBackEmpty(PagedState state) {
        for (int i = 0; i < state.map().size(); i++) {
            Extent extent = state.map().extent(i);
            if (!state.map().isResident(i)
                    && extent.runs() == 0
                    && !stale.overlaps(state, extent)) {
                move(state, extent.lower(), extent.upper());
            }
        }
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
            long before = overlay.fileBytes();
            dropSaved(() -> before - overlay.fileBytes() < wantedBytes);
            return before - overlay.fileBytes();
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
        linker.ifNothingIsPinned(
                () -> {
                    while (more.holds() && overlay.canDropOldest(adopted)) {
                        // A hot row that was written over there would count again.
                        states.all().forEach(state -> state.setHotRows(HotRows.NONE));
                        if (!overlay.dropOldest()) {
                            return;
                        }
                        context.metrics().overlayDrops().increment();
                    }
                });
    }
}
