package io.lazystate.tiers;

import java.io.Serializable;
import org.apache.flink.annotation.Internal;

/**
 * Where the local database begins and ends to give space back.
 *
 * @param maxBytes of the local databases of a TaskManager together; 0 for no limit
 * @param evictAbove share of its budget above which an operator evicts
 * @param hydrateBelow share of its budget up to which it hydrates; less than {@code evictAbove}
 * @param promoteAfterReads recent reads of a cold extent after which it is fetched again
 */
@Internal
public record TierSettings(
        long maxBytes, double evictAbove, double hydrateBelow, int promoteAfterReads)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Of rows that were written to cold extents, and are given back together. */
    private static final long MOST_GENERATION_BYTES = 64L << 20;

    private static final int PARTS = 32;

    /** Whether there is a limit. */
    public boolean limited() {
        return maxBytes > 0;
    }

    /**
     * Bytes that are a small part of the limit: what is written or fetched in one piece stands
     * beside what the budget holds. If there is a limit.
     */
    public long partBytes() {
        return maxBytes / PARTS;
    }

    /** Bytes of rows written to cold extents that are given back together, at least. */
    public long generationBytes() {
        return Math.min(MOST_GENERATION_BYTES, partBytes());
    }
}
