package io.lazystate.paging;

import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.CompactRangeOptions;
import org.rocksdb.CompactRangeOptions.BottommostLevelCompaction;
import org.rocksdb.FlushOptions;
import org.rocksdb.MutableColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.Status;

/** Flushes and compactions of one column family. Threads: any. */
final class Compactions {
    private Compactions() {}

    /** Lets RocksDB compact when it likes, or not. Cost: synchronous writes to the local disk. */
    static void setAutomatic(RocksDB db, ColumnFamilyHandle family, boolean on)
            throws RocksDBException {
        db.setOptions(
                family,
                MutableColumnFamilyOptions.builder().setDisableAutoCompactions(!on).build());
    }

    /** Writes the memory tables to files, even if that stalls writers; waits for it. */
    static void flush(RocksDB db, ColumnFamilyHandle family) throws RocksDBException {
        flush(db, family, true);
    }

    /**
     * As above, without waiting for it. Nothing happens while RocksDB has stopped all writers:
     * memory tables are written then as it comes to them.
     */
    static void startFlush(RocksDB db, ColumnFamilyHandle family) throws RocksDBException {
        try {
            flush(db, family, false);
        } catch (RocksDBException e) {
            Status status = e.getStatus();
            if (status == null || status.getCode() != Status.Code.TryAgain) {
                throw e;
            }
        }
    }

    private static void flush(RocksDB db, ColumnFamilyHandle family, boolean wait)
            throws RocksDBException {
        try (FlushOptions flush =
                new FlushOptions().setWaitForFlush(wait).setAllowWriteStall(true)) {
            db.flush(flush, family);
        }
    }

    /**
     * Compacts a range down to the bottom level, beside what RocksDB compacts by itself, so that no
     * removal stays; waits for it.
     *
     * @param lower null: from the start
     * @param upper null: to the end
     */
    static void compact(
            RocksDB db, ColumnFamilyHandle family, byte @Nullable [] lower, byte @Nullable [] upper)
            throws RocksDBException {
        try (CompactRangeOptions compaction =
                new CompactRangeOptions()
                        .setExclusiveManualCompaction(false)
                        .setBottommostLevelCompaction(BottommostLevelCompaction.kForceOptimized)) {
            db.compactRange(family, lower, upper, compaction);
        }
    }
}
