package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.ExtentState.Phase;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The extents of one state at one moment, and the state of each.
 *
 * <p>Immutable: a view that captured one sees no later change. Only {@link Extents} makes others of
 * it. Cost: lookups are a binary search, or one field when everything is resident.
 */
final class ExtentMap {
    private final StateLayout layout;
    private final ExtentState[] states;
    private final boolean allResident;

    private ExtentMap(StateLayout layout, ExtentState[] states) {
        this.layout = layout;
        this.states = states;
        this.allResident = Arrays.stream(states).allMatch(ExtentState::isResident);
    }

    /** The map of a state whose rows, if any, are all in the local database. */
    static ExtentMap local(StateLayout layout) {
        ExtentState[] states = new ExtentState[layout.extents().size()];
        Arrays.fill(states, ExtentState.RESIDENT);
        return new ExtentMap(layout, states);
    }

    /** The map of a restored state: every extent that has runs is cold. */
    static ExtentMap restored(StateLayout layout) {
        return new ExtentMap(
                layout,
                layout.extents().stream()
                        .map(e -> e.runs() == 0 ? ExtentState.RESIDENT : ExtentState.COLD)
                        .toArray(ExtentState[]::new));
    }

    // ------------------------------------------------------------------ what is there

    StateLayout layout() {
        return layout;
    }

    int size() {
        return layout.extents().size();
    }

    Extent extent(int index) {
        return layout.extents().get(index);
    }

    int indexOf(byte[] key) {
        return layout.indexOf(key);
    }

    boolean allResident() {
        return allResident;
    }

    Phase phase(int index) {
        return states[index].phase();
    }

    boolean isResident(int index) {
        return states[index].isResident();
    }

    boolean isResident(byte[] key) {
        return allResident || states[layout.indexOf(key)].isResident();
    }

    boolean isLeaving(int index) {
        return states[index].isLeaving();
    }

    /** Whether the extent's rows are in the main column family. */
    boolean isLocal(int index) {
        return states[index].isLocal();
    }

    /** Whether all extents that share a key with the range are of this kind. */
    boolean isEach(byte[] lower, byte @Nullable [] upper, Predicate<ExtentState> kind) {
        for (int i = indexOf(lower); i < size() && extent(i).overlaps(lower, upper); i++) {
            if (!kind.test(states[i])) {
                return false;
            }
        }
        return true;
    }

    /** Whether some extent is of this kind, which is not resident. */
    boolean isAny(Predicate<ExtentState> kind) {
        return !allResident && Arrays.stream(states).anyMatch(kind);
    }

    /** The extents whose rows are not in the main column family, or are there in vain. */
    List<Extent> toBeLinked() {
        List<Extent> found = new ArrayList<>();
        for (int i = 0; !allResident && i < states.length; i++) {
            if (!isLocal(i) && phase(i) != Phase.LINKED) {
                found.add(extent(i));
            }
        }
        return found;
    }

    /** The indexes of the extents in this phase. */
    BitSet in(Phase phase) {
        return matching(i -> states[i].phase() == phase);
    }

    /**
     * The index behind the extents that a cursor walks in one go: a cold one, or a resident
     * stretch.
     */
    int stretchEnd(int index) {
        int end = index + 1;
        while (states[index].isResident() && end < size() && states[end].isResident()) {
            end++;
        }
        return end;
    }

    /** Stored bytes of the base runs of the extents of this kind. */
    long baseBytes(Predicate<ExtentState> kind) {
        return IntStream.range(0, size())
                .filter(i -> kind.test(states[i]))
                .mapToLong(i -> extent(i).baseBytes())
                .sum();
    }

    // ------------------------------------------------------------------ others made of it

    /** This map with another state for some extents. */
    ExtentMap with(BitSet extents, ExtentState state) {
        ExtentState[] changed = states.clone();
        extents.stream().forEach(i -> changed[i] = state);
        return new ExtentMap(layout, changed);
    }

    /** The extents that lie in a range, which none of them crosses. */
    BitSet inside(byte[] lower, byte @Nullable [] upper) {
        BitSet found = new BitSet();
        for (int i = indexOf(lower); i < size() && extent(i).overlaps(lower, upper); i++) {
            found.set(i);
        }
        return found;
    }

    /**
     * The leaving extents all of whose changes in the main column family end with this cut, and of
     * which the store has something.
     */
    BitSet savedBy(long cut) {
        return matching(i -> isLeaving(i) && states[i].interval() <= cut && extent(i).runs() > 0);
    }

    /**
     * This map over another layout of the same rows, whose extents are parts of this one's, each as
     * its whole; or several resident ones together.
     */
    ExtentMap withLayout(StateLayout other) {
        ExtentState[] carried = new ExtentState[other.extents().size()];
        for (int i = 0; i < carried.length; i++) {
            Extent extent = other.extents().get(i);
            int first = indexOf(extent.lower());
            if (end(first, extent) > first + 1
                    && !isEach(extent.lower(), extent.upper(), ExtentState::isResident)) {
                throw new LazyStateException(
                        Kind.INTERNAL,
                        Where.NOWHERE,
                        "A checkpoint joined extents of which not all are resident; report this",
                        null);
            }
            carried[i] = states[first];
        }
        return new ExtentMap(other, carried);
    }

    /** The leaving extents that are part of one extent, together with others. */
    BitSet leavingInJoined(StateLayout other) {
        BitSet found = new BitSet();
        for (Extent extent : other.extents()) {
            int first = indexOf(extent.lower());
            int end = end(first, extent);
            for (int i = first; end > first + 1 && i < end; i++) {
                found.set(i, isLeaving(i));
            }
        }
        return found;
    }

    private int end(int first, Extent of) {
        int end = first + 1;
        while (end < size() && extent(end).overlaps(of.lower(), of.upper())) {
            end++;
        }
        return end;
    }

    private BitSet matching(IntPredicate condition) {
        BitSet found = new BitSet();
        IntStream.range(0, size()).filter(condition).forEach(found::set);
        return found;
    }
}
