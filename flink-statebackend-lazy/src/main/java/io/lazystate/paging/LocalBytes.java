package io.lazystate.paging;

import org.apache.flink.annotation.Internal;

/**
 * Bytes of a database's files on the local disk.
 *
 * @param main of resident and leaving extents, and of rows that are still to be purged
 * @param overlay of rows written to cold extents
 * @param going the part of {@code main} that leaves or is still to be purged, by stored size
 */
@Internal
public record LocalBytes(long main, long overlay, long going) {
    public long total() {
        return main + overlay;
    }
}
