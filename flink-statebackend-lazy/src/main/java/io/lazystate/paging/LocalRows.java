package io.lazystate.paging;

import io.lazystate.run.Lookup;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;

/**
 * What the local database says of single keys: the main column families, and the overlay.
 *
 * <p>Threads: any. Cost: no page.
 */
final class LocalRows {
    private final RocksDB db;
    private final Overlay overlay;

    LocalRows(RocksDB db, Overlay overlay) {
        this.db = db;
        this.overlay = overlay;
    }

    /**
     * What is said of a key; null if its extent is cold and nothing is said.
     *
     * @param extent the key's index in the map
     * @param options with the snapshot to read from; null for what is there now
     */
    @Nullable Lookup find(
            PagedState state, ExtentMap map, int extent, byte[] key, @Nullable ReadOptions options)
            throws RocksDBException {
        if (!map.isResident(extent)) {
            Lookup row = overlay.get(state, key, options);
            if (row != null || !map.isLocal(extent)) {
                return row;
            }
        }
        byte[] value =
                options == null
                        ? db.get(state.handle(), key)
                        : db.get(state.handle(), options, key);
        return value == null ? Lookup.REMOVED : new Lookup(value);
    }
}
