package io.lazystate.manifest;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.annotation.Internal;

/**
 * All extents of one state.
 *
 * <p>Shape: sorted, without gap or overlap, from the empty key to the end of the key space.
 * Immutable, any thread.
 */
@Internal
public final class StateLayout {

    private static final StateLayout EMPTY =
            of(List.of(new Extent(new byte[0], null, null, List.of())));

    private final List<Extent> extents;

    private StateLayout(List<Extent> extents) {
        this.extents = extents;
    }

    /**
     * The layout of these extents.
     *
     * @throws LazyStateException INTERNAL if they do not cover every key exactly once
     */
    public static StateLayout of(List<Extent> extents) {
        List<Extent> copy = List.copyOf(extents);
        byte[] expected = {};
        for (int i = 0; i < copy.size(); i++) {
            Extent extent = copy.get(i);
            if (expected == null || !Arrays.equals(expected, extent.lower())) {
                throw notCovering("extent " + i + " does not start where the one before it ends");
            }
            expected = extent.upper();
        }
        if (expected != null) {
            throw notCovering("the last extent has an end");
        }
        return new StateLayout(copy);
    }

    /** One extent without runs. */
    public static StateLayout empty() {
        return EMPTY;
    }

    /** In key order, at least one. */
    public List<Extent> extents() {
        return extents;
    }

    /** The index of the extent that contains the key. */
    public int indexOf(byte[] key) {
        int low = 1; // The first extent starts at the empty key, so at or before any.
        int high = extents.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Arrays.compareUnsigned(extents.get(middle).lower(), key) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    /** Every object that a run lies in, in order of first use. Cost: walks all extents. */
    public Set<StoredObject> objects() {
        Set<StoredObject> objects = new LinkedHashSet<>();
        for (Run run : runs()) {
            objects.add(run.object());
        }
        return objects;
    }

    /** Every run once, in order of first use. Cost: walks all extents. */
    public List<Run> runs() {
        Set<Run> runs = new LinkedHashSet<>();
        for (Extent extent : extents) {
            Run base = extent.base();
            if (base != null) {
                runs.add(base);
            }
            runs.addAll(extent.deltas());
        }
        return List.copyOf(runs);
    }

    @Override
    public String toString() {
        return "StateLayout of " + extents.size() + " extents";
    }

    private static LazyStateException notCovering(String problem) {
        return new LazyStateException(Kind.INTERNAL, Where.NOWHERE, problem, null);
    }
}
