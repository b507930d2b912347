package io.lazystate.paging;

import java.util.Arrays;
import java.util.NavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one state that are at hand from the start: what its runs hold of the keys that were read
 * most, which a restored checkpoint brought along, and of those that the job's owner named.
 *
 * <p>They stand for the runs of extents that have been cold since the restore; what was written
 * since lies in the overlay, which counts first. Threads: any; the task thread removes.
 */
final class HotRows {
    static final HotRows NONE = new HotRows(new ConcurrentSkipListMap<>(Arrays::compareUnsigned));

    private final ConcurrentSkipListMap<byte[], byte[]> rows;

    /**
     * @param rows by unsigned order of their keys; taken over
     */
    HotRows(NavigableMap<byte[], byte[]> rows) {
        this.rows = new ConcurrentSkipListMap<>(rows);
    }

    /** These and others, which count where both have a row. */
    HotRows with(NavigableMap<byte[], byte[]> others) {
        HotRows both = new HotRows(rows);
        both.rows.putAll(others);
        return both;
    }

    byte @Nullable [] get(byte[] key) {
        return rows.get(key);
    }

    /** The row was written over. */
    void remove(byte[] key) {
        if (!rows.isEmpty()) {
            rows.remove(key);
        }
    }

    /** The range is resident: its rows are in the local database, and change there. */
    void remove(byte[] lower, byte @Nullable [] upper) {
        if (!rows.isEmpty()) {
            (upper == null ? rows.tailMap(lower, true) : rows.subMap(lower, true, upper, false))
                    .clear();
        }
    }
}
