package io.lazystate.paging;

import io.lazystate.manifest.Extent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * Rows of cold extents that the main column families still hold: nobody sees them, and they take up
 * space until they are purged. No extent is linked over them: what was removed since would come
 * back from below.
 *
 * <p>Threads: any. Cost of a purge: files that lie inside of the range are dropped unread; rows
 * beside others are removed one by one, and their files are compacted, so that no tombstone stays
 * that would keep a later link out of the bottom level.
 */
final class StaleRows {
    private static final int ROWS_A_BATCH = 1_000;

    /** Behind every key, since a key begins with its key group, which is less than 2^15. */
    private static final byte[] BEHIND_ALL = {(byte) 0xff, (byte) 0xff};

    /** A range of one state's main column family. */
    private record Range(PagedState state, byte[] lower, byte @Nullable [] upper, long bytes) {
        byte[] end() {
            return upper == null ? BEHIND_ALL : upper;
        }

        boolean overlaps(PagedState other, Extent extent) {
            return other == state && extent.overlaps(lower, upper);
        }
    }

    private final RocksDB db;
    private final Captures captures;
    private final List<Range> ranges = new ArrayList<>();

    StaleRows(RocksDB db, Captures captures) {
        this.db = db;
        this.captures = captures;
    }

    synchronized void add(PagedState state, Extent extent) {
        ranges.add(new Range(state, extent.lower(), extent.upper(), extent.baseBytes()));
    }

    synchronized void remove(PagedState state, Extent extent) {
        ranges.removeIf(range -> range.overlaps(state, extent));
    }

    /** Forgets a state whose column family is dropped. */
    synchronized void drop(PagedState state) {
        ranges.removeIf(range -> range.state() == state);
    }

    synchronized boolean overlaps(PagedState state, Extent extent) {
        return ranges.stream().anyMatch(range -> range.overlaps(state, extent));
    }

    synchronized boolean isEmpty() {
        return ranges.isEmpty();
    }

    /** Stored bytes of the extents, and about as many in the local database. */
    synchronized long bytes() {
        return ranges.stream().mapToLong(Range::bytes).sum();
    }

    /**
     * Removes what no snapshot reads any more. The caller sees to it that the database stays open,
     * that no column family is dropped meanwhile, and that nothing is linked.
     */
    void purge() throws RocksDBException {
        List<Range> free;
        synchronized (this) {
            free = new ArrayList<>(ranges);
        }
        // Only a snapshot needs them: an open iterator keeps its files.
        free.removeIf(range -> captures.seesLocal(range.state(), range.lower(), range.upper()));
        Map<PagedState, List<Range>> byState = new LinkedHashMap<>();
        free.forEach(
                range -> byState.computeIfAbsent(range.state(), s -> new ArrayList<>()).add(range));
        for (Map.Entry<PagedState, List<Range>> ofState : byState.entrySet()) {
            purge(ofState.getKey(), ofState.getValue());
            synchronized (this) {
                ranges.removeAll(ofState.getValue());
            }
        }
    }

    private void purge(PagedState state, List<Range> of) throws RocksDBException {
        List<byte[]> bounds = new ArrayList<>();
        of.forEach(range -> Collections.addAll(bounds, range.lower(), range.end()));
        db.deleteFilesInRanges(state.handle(), bounds, false);
        List<Range> rewritten = new ArrayList<>();
        for (Range range : of) {
            if (removeRows(range)) {
                rewritten.add(range);
            }
        }
        if (!rewritten.isEmpty()) {
            compact(state, rewritten);
        }
    }

    /** Neighbours together: they lie in the same files. */
    private void compact(PagedState state, List<Range> of) throws RocksDBException {
        of.sort((a, b) -> Arrays.compareUnsigned(a.lower(), b.lower()));
        Compactions.flush(db, state.handle());
        for (int i = 0; i < of.size(); ) {
            int end = i + 1;
            while (end < of.size() && Arrays.equals(of.get(end - 1).end(), of.get(end).lower())) {
                end++;
            }
            Compactions.compact(db, state.handle(), of.get(i).lower(), of.get(end - 1).end());
            i = end;
        }
    }

    /** Removes the rows that lie beside others; returns whether there were any. */
    private boolean removeRows(Range range) throws RocksDBException {
        boolean any = false;
        try (Reads once = Reads.once();
                Reads reads = once.within(range.lower(), range.upper());
                WriteOptions options = new WriteOptions().setDisableWAL(true);
                RocksIterator rows = db.newIterator(range.state().handle(), reads.options());
                WriteBatch batch = new WriteBatch()) {
            MainCursor cursor = new MainCursor(rows, range.upper());
            for (cursor.seek(range.lower()); cursor.valid(); cursor.next()) {
                any = true;
                batch.delete(range.state().handle(), cursor.key());
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
