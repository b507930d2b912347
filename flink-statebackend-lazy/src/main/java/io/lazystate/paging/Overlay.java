package io.lazystate.paging;

import io.lazystate.loading.MergeCursor;
import io.lazystate.run.Lookup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * The rows written to cold extents, of all states, in generations, each a column family. Of rows
 * with the same key the newest generation's counts. Threads: the task thread writes, any reads.
 */
final class Overlay {
    /** Rows that are copied to the main column family, or removed, with one write. */
    private static final int ROWS_A_BATCH = 1000;

    private final RocksDB db;
    private final WriteOptions writeOptions;
    private final OverlayGenerations generations;

    /**
     * Creates the first generation, and takes the database's first sequence number: linked rows
     * have number 0, and a compaction does not keep them for a snapshot that has number 0 too.
     */
    Overlay(RocksDB db, ColumnFamilyOptions familyOptions, WriteOptions writeOptions)
            throws RocksDBException {
        this.db = db;
        this.writeOptions = writeOptions;
        this.generations = new OverlayGenerations(db, familyOptions, writeOptions);
        db.delete(generations.newest(), writeOptions, OverlayRow.prefix(0)); // no state has this id
    }

    /** The column families that the rows are in. */
    OverlayGenerations generations() {
        return generations;
    }

    // ------------------------------------------------------------------ rows

    @Nullable Lookup get(PagedState state, byte[] key, @Nullable Reads reads)
            throws RocksDBException {
        if (!state.overlaid()) {
            return null;
        }
        byte[] tagged = generations.find(OverlayRow.key(state, key), reads);
        return tagged == null ? null : OverlayRow.row(tagged);
    }

    void put(PagedState state, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        written(state, key, value.length);
        db.put(generations.newest(), options, OverlayRow.key(state, key), OverlayRow.tagged(value));
    }

    void remove(PagedState state, WriteOptions options, byte[] key) throws RocksDBException {
        written(state, key, 0);
        db.put(generations.newest(), options, OverlayRow.key(state, key), OverlayRow.REMOVED);
    }

    void put(WriteBatch batch, PagedState state, byte[] key, byte[] value) throws RocksDBException {
        written(state, key, value.length);
        batch.put(generations.newest(), OverlayRow.key(state, key), OverlayRow.tagged(value));
    }

    void remove(WriteBatch batch, PagedState state, byte[] key) throws RocksDBException {
        written(state, key, 0);
        batch.put(generations.newest(), OverlayRow.key(state, key), OverlayRow.REMOVED);
    }

    private void written(PagedState state, byte[] key, int valueBytes) {
        state.markOverlaid();
        state.hotRows().remove(key); // it would answer again when this generation is gone
        generations.written(OverlayRow.PREFIX_BYTES + key.length + 1 + valueBytes);
    }

    /**
     * A range of the overlay as it is now, or as the snapshot to read from sees it; the caller
     * closes it.
     */
    Rows rows(PagedState state, Reads reads, Bounds bounds) {
        Rows rows = new Rows(state, within(state, reads, bounds));
        try {
            generations.open(family -> rows.add(family, db));
            return rows;
        } catch (Throwable t) {
            rows.close();
            throw t;
        }
    }

    /** A range of a state's rows, or all; it ends before another state's. */
    private static Reads within(PagedState state, Reads reads, Bounds bounds) {
        byte[] lower = bounds.lower();
        byte[] upper = bounds.upper();
        return reads.within(
                lower == null ? OverlayRow.prefix(state.id()) : OverlayRow.key(state, lower),
                upper == null ? OverlayRow.prefix(state.id() + 1) : OverlayRow.key(state, upper));
    }

    /** The rows of one state, from one moment on. */
    static final class Rows implements AutoCloseable {
        private final PagedState state;
        private final Reads reads;
        private final List<RocksIterator> newestFirst = new ArrayList<>();

        /**
         * @param reads within the state's rows; closed with this
         */
        private Rows(PagedState state, Reads reads) {
            this.state = state;
            this.reads = reads;
        }

        private void add(ColumnFamilyHandle older, RocksDB db) {
            newestFirst.add(db.newIterator(older, reads.options()));
        }

        /** Cursors that count before all others, the newest first; they share the iterators. */
        List<OverlayCursor> cursors() {
            return newestFirst.stream().map(rows -> new OverlayCursor(state, rows)).toList();
        }

        void check() throws RocksDBException {
            for (RocksIterator rows : newestFirst) {
                rows.status();
            }
        }

        @Override
        public void close() {
            newestFirst.forEach(RocksIterator::close);
            reads.close();
        }
    }

    // ------------------------------------------------------------------ ranges

    /** Copies a range's rows to the state's main column family, where its other rows now are. */
    void copy(PagedState state, byte[] lower, byte @Nullable [] upper, Reads now)
            throws RocksDBException {
        if (!state.overlaid()) {
            return;
        }
        try (Rows overlaid = rows(state, now, new Bounds(lower, upper));
                WriteBatch batch = new WriteBatch()) {
            MergeCursor rows = new MergeCursor(overlaid.cursors(), lower, upper, true);
            for (rows.seekToFirst(); rows.valid(); rows.next()) {
                if (rows.isRemoval()) {
                    batch.delete(state.handle(), rows.key());
                } else {
                    batch.put(state.handle(), rows.key(), rows.value());
                }
                writeIfFull(batch);
            }
            db.write(writeOptions, batch);
        }
    }

    /** Forgets a range's rows, which are elsewhere now. */
    void forget(PagedState state, byte[] lower, byte @Nullable [] upper, Reads now)
            throws RocksDBException {
        if (!state.overlaid()) {
            return;
        }
        for (ColumnFamilyHandle family : generations.families()) {
            try (Reads range = within(state, now, new Bounds(lower, upper));
                    RocksIterator iterator = db.newIterator(family, range.options());
                    WriteBatch batch = new WriteBatch()) {
                OverlayCursor rows = new OverlayCursor(state, iterator);
                for (rows.seek(lower);
                        rows.valid() && (upper == null || before(rows.key(), upper));
                        rows.next()) {
                    batch.delete(family, OverlayRow.key(state, rows.key()));
                    writeIfFull(batch);
                }
                db.write(writeOptions, batch);
            }
        }
    }

    private void writeIfFull(WriteBatch batch) throws RocksDBException {
        if (batch.count() >= ROWS_A_BATCH) {
            db.write(writeOptions, batch);
            batch.clear();
        }
    }

    /** Forgets all rows of a state that was dropped. */
    void drop(PagedState state) throws RocksDBException {
        if (state.overlaid()) {
            for (ColumnFamilyHandle family : generations.families()) {
                RangeRemoval.run(
                        db,
                        family,
                        writeOptions,
                        OverlayRow.prefix(state.id()),
                        OverlayRow.prefix(state.id() + 1));
            }
        }
    }

    private static boolean before(byte[] key, byte[] upper) {
        return Arrays.compareUnsigned(key, upper) < 0;
    }
}
