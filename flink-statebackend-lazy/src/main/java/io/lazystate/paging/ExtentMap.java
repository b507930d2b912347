package io.lazystate.paging;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which extents of one state are resident, and where the rows of the others lie.
 *
 * <p>Immutable: a view that captured one sees no later change. Cost: lookups are a binary search,
 * or one field when everything is resident.
 */
final class ExtentMap {
    private final StateLayout layout;
    private final BitSet resident;
    private final boolean allResident;

    private ExtentMap(StateLayout layout, BitSet resident) {
        this.layout = layout;
        this.resident = resident;
        this.allResident = resident.cardinality() == layout.extents().size();
    }

    /** The map of a state whose rows, if any, are all in the local database. */
    static ExtentMap local(StateLayout layout) {
        BitSet all = new BitSet();
        all.set(0, layout.extents().size());
        return new ExtentMap(layout, all);
    }

    /** The map of a restored state: every extent that has runs is cold. */
    static ExtentMap restored(StateLayout layout) {
        BitSet resident = new BitSet();
        List<Extent> extents = layout.extents();
        for (int i = 0; i < extents.size(); i++) {
            resident.set(i, extents.get(i).runs() == 0);
        }
        return new ExtentMap(layout, resident);
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

    /** Whether no part of the range is resident. */
    boolean isCold(byte[] lower, byte @Nullable [] upper) {
        for (int i = indexOf(lower); i < size() && extent(i).overlaps(lower, upper); i++) {
            if (resident.get(i)) {
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
        for (int i = indexOf(lower); i < size() && inside(extent(i), lower, upper); i++) {
            changed.set(i);
        }
        return new ExtentMap(layout, changed);
    }

    /**
     * This map over a layout whose extents are parts of this one's, each as resident as its whole.
     */
    ExtentMap withLayout(StateLayout finer) {
        BitSet carried = new BitSet();
        List<Extent> extents = finer.extents();
        for (int i = 0; i < extents.size(); i++) {
            carried.set(i, isResident(extents.get(i).lower()));
        }
        return new ExtentMap(finer, carried);
    }

    /** Stored bytes of the base runs of all extents, or of the resident ones. */
    long baseBytes(boolean residentOnly) {
        long bytes = 0;
        for (int i = 0; i < size(); i++) {
            Run base = extent(i).base();
            if (base != null && (!residentOnly || resident.get(i))) {
                bytes += base.meta().tableBytes();
            }
        }
        return bytes;
    }

    private static boolean inside(Extent extent, byte[] lower, byte @Nullable [] upper) {
        byte[] end = extent.upper();
        return Arrays.compareUnsigned(lower, extent.lower()) <= 0
                && (upper == null || (end != null && Arrays.compareUnsigned(end, upper) <= 0));
    }
}
