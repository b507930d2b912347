package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.ExtentState.Phase;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The extents of one state, and the only way to change their states.
 *
 * <p>Each method is one step of {@link ExtentState}. What a step needs to be right is what its
 * caller has to hand over: that nobody else links or purges ({@link LinkLock.Held}), that nothing
 * is pinned ({@link Pins.None}), that other threads will read again ({@link RowMoves.Move}). A step
 * from any other state than its own is refused: several threads want steps of one extent at a time,
 * and the first that comes gets its own. Threads: any takes steps, any reads {@link #map}. Design:
 * docs/design/0010-residency.md.
 */
final class Extents {
    private final String state;
    private volatile ExtentMap map = ExtentMap.local(StateLayout.empty());

    /**
     * All of one extent, resident, and nothing in the store.
     *
     * @param state by name
     */
    Extents(String state) {
        this.state = state;
    }

    /** The extents as they are now. */
    ExtentMap map() {
        return map;
    }

    // ------------------------------------------------------------------ in

    /** Has the state begin with what a checkpoint has. Before the first access. */
    synchronized void restore(StateLayout layout) {
        map = ExtentMap.restored(layout);
    }

    /**
     * COLD to LINKING, if all of the range is cold: rows that were put there before may have been
     * written over, and must not come back.
     *
     * @return whether the extent is to be linked
     */
    synchronized boolean beginLink(LinkLock.Held link, Extent extent) {
        link.require();
        if (!map.isEach(extent.lower(), extent.upper(), of -> of.phase() == Phase.COLD)) {
            return false;
        }
        step(extent.lower(), extent.upper(), Phase.COLD, ExtentState.LINKING);
        return true;
    }

    /** LINKING to LINKED: all rows of the runs are in the main column family. */
    synchronized void endLink(LinkLock.Held link, Extent extent) {
        link.require();
        step(extent.lower(), extent.upper(), Phase.LINKING, ExtentState.LINKED);
    }

    /**
     * LINKING to COLD, or to STALE if the main column family may have got some of the rows.
     *
     * @param partly whether it may
     */
    synchronized void giveUpLink(LinkLock.Held link, Extent extent, boolean partly) {
        link.require();
        ExtentState to = partly ? ExtentState.STALE : ExtentState.COLD;
        step(extent.lower(), extent.upper(), Phase.LINKING, to);
    }

    /**
     * COLD to LINKED, of an extent without runs: there is nothing to link, and it waits for the
     * task thread as it is.
     *
     * @return whether it was cold
     */
    synchronized boolean linkNothing(int index) {
        if (map.phase(index) != Phase.COLD || map.extent(index).runs() > 0) {
            return false;
        }
        map = map.with(only(index), ExtentState.LINKED);
        return true;
    }

    /** LINKED or LEAVING to RESIDENT: the main column family has the overlay's rows too. */
    synchronized void arrive(RowMoves.Move move, int index) {
        require(index, Phase.LINKED, Phase.LEAVING);
        map = map.with(only(index), ExtentState.RESIDENT);
    }

    // ------------------------------------------------------------------ out

    /**
     * RESIDENT to LEAVING: what is written from now on goes to the overlay.
     *
     * @param interval of changes that is running
     */
    synchronized void leave(Pins.None nothing, RowMoves.Move move, BitSet extents, long interval) {
        extents.stream().forEach(i -> require(i, Phase.RESIDENT));
        map = map.with(extents, ExtentState.leaving(interval));
    }

    /** RESIDENT to STALE, of extents whose runs have all rows as they are. */
    synchronized void drop(Pins.None nothing, RowMoves.Move move, BitSet extents) {
        extents.stream().forEach(i -> require(i, Phase.RESIDENT));
        map = map.with(extents, ExtentState.STALE);
    }

    /**
     * Goes on with the layout of a completed checkpoint, and takes LEAVING to STALE what that has
     * all rows of.
     *
     * @param cut the last interval of changes that it has
     */
    synchronized void adopt(RowMoves.Move move, StateLayout layout, long cut) {
        ExtentMap adopted = map.withLayout(layout);
        map = adopted.with(adopted.savedBy(cut), ExtentState.STALE);
    }

    /**
     * STALE to COLD: no row of the range is left in the main column family, and no view needs one.
     */
    synchronized void purged(LinkLock.Held link, byte[] lower, byte @Nullable [] upper) {
        link.require();
        step(lower, upper, Phase.STALE, ExtentState.COLD);
    }

    // ------------------------------------------------------------------ steps

    /** The layout may have moved on meanwhile, so a range may be several extents by now. */
    private void step(byte[] lower, byte @Nullable [] upper, Phase from, ExtentState to) {
        BitSet extents = map.inside(lower, upper);
        extents.stream().forEach(i -> require(i, from));
        map = map.with(extents, to);
    }

    private void require(int index, Phase one, Phase... orOneOf) {
        Phase phase = map.phase(index);
        boolean fits = phase == one;
        for (Phase other : orOneOf) {
            fits |= phase == other;
        }
        if (!fits) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    Where.state(state),
                    "An extent is " + phase + " where it must be " + one + "; report this",
                    null);
        }
    }

    private static BitSet only(int index) {
        BitSet one = new BitSet();
        one.set(index);
        return one;
    }
}
