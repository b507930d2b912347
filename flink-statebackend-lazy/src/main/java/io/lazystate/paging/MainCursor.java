package io.lazystate.paging;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksIterator;

/** Resident rows up to the end of a stretch. */
final class MainCursor extends NativeCursor {
    private final byte @Nullable [] upper;

    MainCursor(RocksIterator rows, byte @Nullable [] upper) {
        super(rows);
        this.upper = upper;
    }

    @Override
    byte @Nullable [] rowKey(byte[] databaseKey) {
        return upper == null || Arrays.compareUnsigned(databaseKey, upper) < 0 ? databaseKey : null;
    }

    @Override
    public void seek(byte[] target) {
        seekDatabase(target);
    }

    @Override
    public boolean isRemoval() {
        return false;
    }

    @Override
    public byte[] value() {
        return databaseValue();
    }
}
