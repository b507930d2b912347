package io.lazystate.paging;

import io.lazystate.manifest.Extent;
import io.lazystate.paging.ExtentState.Phase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * Rows of {@link Phase#STALE} extents: nobody sees them, and they take up space until they are
 * purged. No extent is linked over them: what was removed since would come back from below.
 *
 * <p>Threads: any that holds the link. Cost of a purge: files that lie inside of the range are
 * dropped unread; rows beside others are removed one by one, and their files are compacted, so that
 * no tombstone stays that would keep a later link out of the bottom level.
 */
final class StaleRows {
    private static final int ROWS_A_BATCH = 1_000;

    /** Behind every key, since a key begins with its key group, which is less than 2^15. */
    private static final byte[] BEHIND_ALL = {(byte) 0xff, (byte) 0xff};

    /** Neighbouring extents: they lie in the same files. */
    private record Range(byte[] lower, byte @Nullable [] upper) {
        byte[] end() {
            return upper == null ? BEHIND_ALL : upper;
        }
    }

    private final RocksDB db;
    private final Captures captures;

    StaleRows(RocksDB db, Captures captures) {
        this.db = db;
        this.captures = captures;
    }

    /**
     * Removes what no snapshot reads any more; the extents are cold then. The caller sees to it
     * that the database stays open.
     */
    void purge(LinkLock.Held link, PagedState state) throws RocksDBException {
        List<Range> ranges = ranges(state);
        if (ranges.isEmpty()) {
            return;
        }
        List<byte[]> bounds = new ArrayList<>();
        ranges.forEach(range -> Collections.addAll(bounds, range.lower(), range.end()));
        db.deleteFilesInRanges(state.handle(), bounds, false);
        List<Range> rewritten = new ArrayList<>();
        for (Range range : ranges) {
            if (removeRows(state, range)) {
                rewritten.add(range);
            }
        }
        if (!rewritten.isEmpty()) {
            Compactions.flush(db, state.handle());
        }
        for (Range range : rewritten) {
            Compactions.compact(db, state.handle(), range.lower(), range.end());
        }
        ranges.forEach(range -> state.extents().purged(link, range.lower(), range.upper()));
    }

    /** What can be purged, neighbours together. */
    private List<Range> ranges(PagedState state) {
        ExtentMap map = state.map();
        List<Range> ranges = new ArrayList<>();
        for (int i = 0; i < map.size(); i++) {
            // Only a snapshot needs them: an open iterator keeps its files.
            if (!isUnseen(state, map, i)) {
                continue;
            }
            int end = i + 1;
            while (end < map.size() && isUnseen(state, map, end)) {
                end++;
            }
            ranges.add(new Range(map.extent(i).lower(), map.extent(end - 1).upper()));
            i = end;
        }
        return ranges;
    }

    private boolean isUnseen(PagedState state, ExtentMap map, int index) {
        Extent extent = map.extent(index);
        return map.phase(index) == Phase.STALE
                && !captures.seesLocal(state, extent.lower(), extent.upper());
    }

    /** Removes the rows that lie beside others; returns whether there were any. */
    private boolean removeRows(PagedState state, Range range) throws RocksDBException {
        boolean any = false;
        try (Reads once = Reads.once();
                Reads reads = once.within(range.lower(), range.upper());
                WriteOptions options = new WriteOptions().setDisableWAL(true);
                RocksIterator rows = db.newIterator(state.handle(), reads.options());
                WriteBatch batch = new WriteBatch()) {
            MainCursor cursor = new MainCursor(rows, range.upper());
            for (cursor.seek(range.lower()); cursor.valid(); cursor.next()) {
                any = true;
                batch.delete(state.handle(), cursor.key());
                if (batch.count() >= ROWS_A_BATCH) {
                    db.write(options, batch);
                    batch.clear();
                }
            }
            db.write(options, batch);
        }
        return any;
    }
}
