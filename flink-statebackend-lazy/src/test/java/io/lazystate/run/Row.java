package io.lazystate.run;

import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * One row of a run: a PUT with its value, or a REMOVE.
 *
 * <p>Ownership: the arrays are not copied and must not change. Two rows are equal only if they hold
 * the same arrays; compare the contents.
 *
 * @param key in Flink's RocksDB layout
 * @param value null for a REMOVE
 */
@Internal
public record Row(byte[] key, byte @Nullable [] value) {

    public boolean isRemoval() {
        return value == null;
    }
}
