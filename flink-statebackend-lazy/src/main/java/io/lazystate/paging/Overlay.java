package io.lazystate.paging;

import io.lazystate.run.Lookup;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * The rows written to cold extents: one column family for all states.
 *
 * <p>Shape: key = state id (4 bytes, big endian), row key; value = tag (0 REMOVE, 1 PUT), then the
 * value. Removals are tagged puts, since a compaction drops RocksDB's own at the bottom level.
 * Threads: the task thread writes, any reads.
 */
final class Overlay {
    /** Bytes before the row key. */
    static final int PREFIX_BYTES = 4;

    private static final byte REMOVE = 0;
    private static final byte PUT = 1;
    private static final byte[] REMOVED = {REMOVE};

    /** Rows that are copied to the main column family, or removed, with one write. */
    private static final int ROWS_A_BATCH = 1000;

    private final RocksDB db;
    private final ColumnFamilyHandle family;

    /**
     * Takes a new column family, and the database's first sequence number: linked rows have number
     * 0, and a compaction does not keep them for a snapshot that has number 0 too.
     */
    Overlay(RocksDB db, ColumnFamilyHandle family, WriteOptions options) throws RocksDBException {
        this.db = db;
        this.family = family;
        db.delete(family, options, prefix(0)); // no state has this id
    }

    @Nullable Lookup get(PagedState state, byte[] key, @Nullable ReadOptions options)
            throws RocksDBException {
        if (!state.overlaid()) {
            return null;
        }
        byte[] overlayKey = key(state, key);
        byte[] tagged =
                options == null ? db.get(family, overlayKey) : db.get(family, options, overlayKey);
        return tagged == null ? null : row(tagged);
    }

    void put(PagedState state, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        state.hotRows().remove(key);
        state.markOverlaid();
        db.put(family, options, key(state, key), tagged(value));
    }

    void remove(PagedState state, WriteOptions options, byte[] key) throws RocksDBException {
        state.hotRows().remove(key);
        state.markOverlaid();
        db.put(family, options, key(state, key), REMOVED);
    }

    void put(WriteBatch batch, PagedState state, byte[] key, byte[] value) throws RocksDBException {
        state.hotRows().remove(key);
        state.markOverlaid();
        batch.put(family, key(state, key), tagged(value));
    }

    void remove(WriteBatch batch, PagedState state, byte[] key) throws RocksDBException {
        state.hotRows().remove(key);
        state.markOverlaid();
        batch.put(family, key(state, key), REMOVED);
    }

    /** A cursor over the overlay as it is now, or as the snapshot in the options sees it. */
    RocksIterator iterator(ReadOptions options) {
        return db.newIterator(family, options);
    }

    /** Copies a range's rows to the state's main column family, where its other rows now are. */
    void copy(
            PagedState state,
            byte[] lower,
            byte @Nullable [] upper,
            ReadOptions readOptions,
            WriteOptions writeOptions)
            throws RocksDBException {
        forEach(
                state,
                lower,
                upper,
                readOptions,
                writeOptions,
                (batch, row) -> {
                    if (row.isRemoval()) {
                        batch.delete(state.handle(), row.key());
                    } else {
                        batch.put(state.handle(), row.key(), row.value());
                    }
                });
    }

    /** Forgets a range's rows, which are elsewhere now. */
    void forget(
            PagedState state,
            byte[] lower,
            byte @Nullable [] upper,
            ReadOptions readOptions,
            WriteOptions writeOptions)
            throws RocksDBException {
        forEach(
                state,
                lower,
                upper,
                readOptions,
                writeOptions,
                (batch, row) -> batch.delete(family, key(state, row.key())));
    }

    private interface RowWriter {
        void write(WriteBatch batch, OverlayCursor row) throws RocksDBException;
    }

    private void forEach(
            PagedState state,
            byte[] lower,
            byte @Nullable [] upper,
            ReadOptions readOptions,
            WriteOptions writeOptions,
            RowWriter writer)
            throws RocksDBException {
        if (!state.overlaid()) {
            return;
        }
        try (RocksIterator rows = iterator(readOptions);
                WriteBatch batch = new WriteBatch()) {
            OverlayCursor cursor = new OverlayCursor(state, rows);
            cursor.seek(lower);
            while (cursor.valid() && (upper == null || before(cursor.key(), upper))) {
                writer.write(batch, cursor);
                if (batch.count() >= ROWS_A_BATCH) {
                    db.write(writeOptions, batch);
                    batch.clear();
                }
                cursor.next();
            }
            db.write(writeOptions, batch);
        }
    }

    /** Forgets all rows of a state that was dropped. */
    void drop(PagedState state, WriteOptions options) throws RocksDBException {
        if (state.overlaid()) {
            db.deleteRange(family, options, prefix(state.id()), prefix(state.id() + 1));
        }
    }

    static byte[] key(PagedState state, byte[] key) {
        byte[] overlayKey = new byte[PREFIX_BYTES + key.length];
        writePrefix(overlayKey, state.id());
        System.arraycopy(key, 0, overlayKey, PREFIX_BYTES, key.length);
        return overlayKey;
    }

    static boolean hasPrefix(byte[] overlayKey, PagedState state) {
        int id = 0;
        for (int i = 0; i < PREFIX_BYTES; i++) {
            id = (id << 8) | (overlayKey[i] & 0xff);
        }
        return id == state.id();
    }

    static Lookup row(byte[] tagged) {
        return tagged[0] == REMOVE
                ? Lookup.REMOVED
                : new Lookup(Arrays.copyOfRange(tagged, 1, tagged.length));
    }

    private static byte[] tagged(byte[] value) {
        byte[] tagged = new byte[1 + value.length];
        tagged[0] = PUT;
        System.arraycopy(value, 0, tagged, 1, value.length);
        return tagged;
    }

    private static byte[] prefix(int stateId) {
        byte[] prefix = new byte[PREFIX_BYTES];
        writePrefix(prefix, stateId);
        return prefix;
    }

    private static void writePrefix(byte[] target, int stateId) {
        for (int i = 0; i < PREFIX_BYTES; i++) {
            target[i] = (byte) (stateId >>> (8 * (PREFIX_BYTES - 1 - i)));
        }
    }

    private static boolean before(byte[] key, byte[] upper) {
        return Arrays.compareUnsigned(key, upper) < 0;
    }
}
