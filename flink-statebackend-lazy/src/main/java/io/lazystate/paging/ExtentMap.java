package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Which extents of one state are resident, which leave, and where the rows of the others lie.
 *
 * <p>A leaving extent was resident and is to become cold: its rows are still in the main column
 * family, under what has been written to the overlay since, until a checkpoint has them all.
 * Immutable: a view that captured one sees no later change. Cost: lookups are a binary search, or
 * one field when everything is resident.
 */
final class ExtentMap {
    private static final long[] NONE_LEAVES = {};

    private final StateLayout layout;
    private final BitSet resident;

    /** By index, the interval in which the extent was evicted, or 0; empty if none leaves. */
    private final long[] leaving;

    private final boolean allResident;

    private ExtentMap(StateLayout layout, BitSet resident, long[] leaving) {
        this.layout = layout;
        this.resident = resident;
        this.leaving = Arrays.stream(leaving).allMatch(since -> since == 0) ? NONE_LEAVES : leaving;
        this.allResident = resident.cardinality() == layout.extents().size();
    }

    /** The map of a state whose rows, if any, are all in the local database. */
    static ExtentMap local(StateLayout layout) {
        BitSet all = new BitSet();
        all.set(0, layout.extents().size());
        return new ExtentMap(layout, all, NONE_LEAVES);
    }

    /** The map of a restored state: every extent that has runs is cold. */
    static ExtentMap restored(StateLayout layout) {
        BitSet resident = new BitSet();
        List<Extent> extents = layout.extents();
        for (int i = 0; i < extents.size(); i++) {
            resident.set(i, extents.get(i).runs() == 0);
        }
        return new ExtentMap(layout, resident, NONE_LEAVES);
    }

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

    boolean isResident(int index) {
        return resident.get(index);
    }

    boolean isResident(byte[] key) {
        return allResident || resident.get(layout.indexOf(key));
    }

    boolean isLeaving(int index) {
        return leaving.length > 0 && leaving[index] > 0;
    }

    /** Whether the extent's rows are in the main column family. */
    boolean isLocal(int index) {
        return resident.get(index) || isLeaving(index);
    }

    /** Whether no row of the range is in the main column family. */
    boolean isCold(byte[] lower, byte @Nullable [] upper) {
        for (int i = indexOf(lower); i < size() && extent(i).overlaps(lower, upper); i++) {
            if (isLocal(i)) {
                return false;
            }
        }
        return true;
    }

    /**
     * The index behind the extents that a cursor walks in one go: a cold one, or a resident
     * stretch.
     */
    int stretchEnd(int index) {
        return resident.get(index) ? Math.min(resident.nextClearBit(index), size()) : index + 1;
    }

    /** This map with every extent inside of the range resident. */
    ExtentMap withResident(byte[] lower, byte @Nullable [] upper) {
        BitSet changed = (BitSet) resident.clone();
        long[] left = leaving.clone();
        for (int i = indexOf(lower); i < size() && inside(extent(i), lower, upper); i++) {
            changed.set(i);
            if (left.length > 0) {
                left[i] = 0;
            }
        }
        return new ExtentMap(layout, changed, left);
    }

    /**
     * This map with resident extents on their way out.
     *
     * @param interval of changes that is running
     */
    ExtentMap withLeaving(BitSet extents, long interval) {
        BitSet changed = (BitSet) resident.clone();
        changed.andNot(extents);
        long[] left = leaving.length > 0 ? leaving.clone() : new long[size()];
        extents.stream().forEach(i -> left[i] = interval);
        return new ExtentMap(layout, changed, left);
    }

    /** This map without rows of these extents in the main column family. */
    ExtentMap withCold(BitSet extents) {
        BitSet changed = (BitSet) resident.clone();
        changed.andNot(extents);
        long[] left = leaving.clone();
        if (left.length > 0) {
            extents.stream().forEach(i -> left[i] = 0);
        }
        return new ExtentMap(layout, changed, left);
    }

    /**
     * The leaving extents all of whose changes in the main column family end with this cut, and of
     * which the store has something.
     */
    BitSet savedBy(long cut) {
        BitSet saved = new BitSet();
        for (int i = 0; i < leaving.length; i++) {
            saved.set(i, isLeaving(i) && leaving[i] <= cut && extent(i).runs() > 0);
        }
        return saved;
    }

    /**
     * This map over another layout of the same rows, whose extents are parts of this one's, each as
     * its whole; or several resident ones together.
     */
    ExtentMap withLayout(StateLayout other) {
        List<Extent> extents = other.extents();
        BitSet carried = new BitSet();
        long[] left = new long[extents.size()];
        for (int i = 0; i < left.length; i++) {
            Extent extent = extents.get(i);
            int first = indexOf(extent.lower());
            requireAlike(first, extent);
            carried.set(i, resident.get(first));
            left[i] = isLeaving(first) ? leaving[first] : 0;
        }
        return new ExtentMap(other, carried, left);
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

    private void requireAlike(int first, Extent of) {
        for (int i = first + 1; i < end(first, of); i++) {
            if (resident.get(i) != resident.get(first) || isLeaving(i)) {
                throw new LazyStateException(
                        Kind.INTERNAL,
                        Where.NOWHERE,
                        "A checkpoint joined extents of which not all are resident; report this",
                        null);
            }
        }
    }

    /** Stored bytes of the base runs of all extents, or of the local ones. */
    long baseBytes(boolean localOnly) {
        return baseBytes(i -> !localOnly || isLocal(i));
    }

    /** Stored bytes of the base runs of the extents that leave. */
    long leavingBytes() {
        return leaving.length == 0 ? 0 : baseBytes(this::isLeaving);
    }

    private long baseBytes(IntPredicate counts) {
        return IntStream.range(0, size())
                .filter(counts)
                .mapToLong(i -> extent(i).baseBytes())
                .sum();
    }

    private static boolean inside(Extent extent, byte[] lower, byte @Nullable [] upper) {
        byte[] end = extent.upper();
        return Arrays.compareUnsigned(lower, extent.lower()) <= 0
                && (upper == null || (end != null && Arrays.compareUnsigned(end, upper) <= 0));
    }
}
