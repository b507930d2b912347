package io.lazystate.paging;

import io.lazystate.loading.ColdExtent;
import io.lazystate.manifest.Extent;
import org.apache.flink.annotation.Internal;

/**
 * A resident extent whose rows the store has too, at least as they were at the last checkpoint.
 *
 * @param state by name
 * @param clean whether the store has them as they are: then its space can be had at once, else
 *     after the next checkpoint
 */
@Internal
public record Evictable(String state, Extent extent, boolean clean) {
    /** Stored bytes, and about as many in the local database. */
    public long bytes() {
        return new ColdExtent(state, extent).bytes();
    }
}
