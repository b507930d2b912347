package io.lazystate.paging;

import io.lazystate.run.RowBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one state that are at hand from the start: what its runs hold of the keys that were read
 * most, which a restored checkpoint brought along, and of those that the job's owner named.
 *
 * <p>They stand for the runs of extents that have been cold since the restore; what was written
 * since lies in the overlay, which counts first. Threads: any; the task thread removes.
 */
final class HotRows {
    static final HotRows NONE =
            new HotRows(List.of(), new ConcurrentSkipListMap<>(Arrays::compareUnsigned));

    private final List<Restored> restored;
    private final ConcurrentSkipListMap<byte[], byte[]> named;

    private HotRows(List<Restored> restored, ConcurrentSkipListMap<byte[], byte[]> named) {
        this.restored = restored;
        this.named = named;
    }

    /** A block of rows, and which of them do not count any more. */
    private static final class Restored {
        private final RowBlock rows;
        private final AtomicIntegerArray removed;

        Restored(RowBlock rows) {
            this.rows = rows;
            this.removed = new AtomicIntegerArray((rows.size() + 31) / 32);
        }

        byte @Nullable [] get(byte[] key) {
            int row = rows.find(key);
            return row < 0 || (removed.get(row / 32) & 1 << row) != 0 ? null : rows.value(row);
        }

        void remove(int row) {
            removed.set(row / 32, removed.get(row / 32) | 1 << row);
        }
    }

    /** These, and a block of others. */
    HotRows with(RowBlock rows) {
        List<Restored> all = new ArrayList<>(restored);
        all.add(new Restored(rows));
        return new HotRows(all, named);
    }

    /** These, and others that count where both have a row. */
    HotRows with(NavigableMap<byte[], byte[]> rows) {
        ConcurrentSkipListMap<byte[], byte[]> all =
                new ConcurrentSkipListMap<>(Arrays::compareUnsigned);
        all.putAll(named);
        all.putAll(rows);
        return new HotRows(restored, all);
    }

    /** A copy of a row's value, or null. */
    byte @Nullable [] get(byte[] key) {
        byte[] value = named.isEmpty() ? null : named.get(key);
        if (value != null) {
            return value.clone();
        }
        for (int i = 0; i < restored.size(); i++) {
            value = restored.get(i).get(key);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /** The row was written over. */
    void remove(byte[] key) {
        if (!named.isEmpty()) {
            named.remove(key);
        }
        for (Restored block : restored) {
            int row = block.rows.find(key);
            if (row >= 0) {
                block.remove(row);
            }
        }
    }

    /** The range is resident: its rows are in the local database, and change there. */
    void remove(byte[] lower, byte @Nullable [] upper) {
        if (!named.isEmpty()) {
            (upper == null ? named.tailMap(lower, true) : named.subMap(lower, true, upper, false))
                    .clear();
        }
        for (Restored block : restored) {
            RowBlock rows = block.rows;
            int end = upper == null ? rows.size() : rows.ceiling(upper);
            for (int row = rows.ceiling(lower); row < end; row++) {
                block.remove(row);
            }
        }
    }
}
