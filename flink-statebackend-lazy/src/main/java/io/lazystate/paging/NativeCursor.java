package io.lazystate.paging;

import io.lazystate.run.RowCursor;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksIterator;

/** A cursor over rows of the local database, by an iterator that the caller closes. */
abstract class NativeCursor implements RowCursor {
    private final RocksIterator rows;
    private byte @Nullable [] key;

    NativeCursor(RocksIterator rows) {
        this.rows = rows;
    }

    /** The row's key for a key of the database; null if the cursor's range ends before it. */
    abstract byte @Nullable [] rowKey(byte[] databaseKey);

    /** Goes to the first row at or behind a key of the database. */
    void seekDatabase(byte[] databaseKey) {
        rows.seek(databaseKey);
        settle();
    }

    @Override
    public void seekToFirst() {
        seek(new byte[0]);
    }

    @Override
    public boolean valid() {
        return key != null;
    }

    @Override
    public void next() {
        rows.next();
        settle();
    }

    @Override
    public byte[] key() {
        return Objects.requireNonNull(key, "no row");
    }

    byte[] databaseValue() {
        return rows.value();
    }

    private void settle() {
        key = null;
        if (rows.isValid()) {
            key = rowKey(rows.key());
        } else {
            Natives.check(rows);
        }
    }
}
