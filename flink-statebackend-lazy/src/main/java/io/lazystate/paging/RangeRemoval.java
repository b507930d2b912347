package io.lazystate.paging;

import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Status;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * Removes all rows of a range with one write, or one by one where RocksDB has no range deletions:
 * beside a row cache.
 */
final class RangeRemoval {
    private static final int ROWS_A_BATCH = 1000;

    private RangeRemoval() {}

    /**
     * Removes a range's rows.
     *
     * @param upper exclusive
     */
    static void run(
            RocksDB db, ColumnFamilyHandle family, WriteOptions options, byte[] lower, byte[] upper)
            throws RocksDBException {
        try {
            db.deleteRange(family, options, lower, upper);
        } catch (RocksDBException e) {
            Status status = e.getStatus();
            if (status == null || status.getCode() != Status.Code.NotSupported) {
                throw e;
            }
            oneByOne(db, family, options, lower, upper);
        }
    }

    private static void oneByOne(
            RocksDB db, ColumnFamilyHandle family, WriteOptions options, byte[] lower, byte[] upper)
            throws RocksDBException {
        try (Reads once = Reads.once();
                Reads range = once.within(lower, upper);
                RocksIterator rows = db.newIterator(family, range.options());
                WriteBatch batch = new WriteBatch()) {
            for (rows.seekToFirst(); rows.isValid(); rows.next()) {
                batch.delete(family, rows.key());
                if (batch.count() >= ROWS_A_BATCH) {
                    db.write(options, batch);
                    batch.clear();
                }
            }
            rows.status();
            db.write(options, batch);
        }
    }
}
