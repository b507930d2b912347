package io.lazystate.manifest;

import io.lazystate.run.Run;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * A key range of one state, and the runs that hold its rows.
 *
 * <p>Shape: the range is {@code [lower, upper)} in unsigned byte order. Its content is deltas over
 * base, the newest delta last and on top. Runs may hold rows outside of the range; those do not
 * count. Immutable, any thread; the arrays are not copied and must not change. Two extents are
 * equal only if they hold the same arrays and runs.
 *
 * @param lower first key of the range; empty: from the start
 * @param upper first key after the range; null: to the end
 * @param base all rows of the range; null if it has none, or only local ones
 * @param deltas what changed since, oldest first
 */
@Internal
public record Extent(byte[] lower, byte @Nullable [] upper, @Nullable Run base, List<Run> deltas) {

    // Not the compact form: on JDK 17 NullAway does not see its "byte @Nullable []".
    public Extent(byte[] lower, byte @Nullable [] upper, @Nullable Run base, List<Run> deltas) {
        if (upper != null && Arrays.compareUnsigned(lower, upper) >= 0) {
            throw new IllegalArgumentException("an extent's lower bound must precede its upper");
        }
        this.lower = lower;
        this.upper = upper;
        this.base = base;
        this.deltas = List.copyOf(deltas);
    }

    /** How many runs a read may touch: the base, if any, and the deltas. */
    public int runs() {
        return deltas.size() + (base == null ? 0 : 1);
    }

    /** Stored bytes of the base; 0 if there is none. */
    public long baseBytes() {
        return base == null ? 0 : base.meta().tableBytes();
    }

    /** Whether the key lies in the range. */
    public boolean contains(byte[] key) {
        return Arrays.compareUnsigned(lower, key) <= 0
                && (upper == null || Arrays.compareUnsigned(key, upper) < 0);
    }

    /** Whether the range shares a key with {@code [otherLower, otherUpper)}; null: to the end. */
    public boolean overlaps(byte[] otherLower, byte @Nullable [] otherUpper) {
        return (otherUpper == null || Arrays.compareUnsigned(lower, otherUpper) < 0)
                && (upper == null || Arrays.compareUnsigned(otherLower, upper) < 0);
    }
}
