package io.lazystate.run;

import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * What a page says of a key that it holds a row for: a value, or that the key was removed.
 *
 * <p>No row at all is no {@code Lookup} but null, so {@code if (lookup != null) return
 * lookup.value()} stops at the newest run that knows the key.
 *
 * @param value null if the key was removed; the array is the caller's
 */
@Internal
public record Lookup(byte @Nullable [] value) {

    /** The key was removed. */
    public static final Lookup REMOVED = new Lookup(null);

    public boolean isRemoval() {
        return value == null;
    }
}
