package io.lazystate.paging;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where an iterator begins and ends.
 *
 * @param lower null: at the first row
 * @param upper exclusive; null: behind the last row
 */
record Bounds(byte @Nullable [] lower, byte @Nullable [] upper) {

    /** Where a seek to a key begins. */
    byte[] from(byte[] key) {
        byte[] first = lower;
        return first != null && Arrays.compareUnsigned(key, first) < 0 ? first : key;
    }

    boolean endBefore(byte[] key) {
        return upper != null && Arrays.compareUnsigned(key, upper) >= 0;
    }

    /** The end of a range, or the one of these bounds if it comes before; null if there is none. */
    byte @Nullable [] end(byte @Nullable [] rangeUpper) {
        return rangeUpper == null || endBefore(rangeUpper) ? upper : rangeUpper;
    }
}
