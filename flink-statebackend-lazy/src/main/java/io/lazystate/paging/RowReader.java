package io.lazystate.paging;

import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.run.Lookup;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * Reads a state's rows from where an extent map says they are: local, brought along, or cold.
 *
 * <p>Threads: any. The caller sees to it that the map is of the moment that is read: the map of the
 * snapshot in the options, or the state's own while no row changes its place. Errors: those of cold
 * rows name the state.
 */
final class RowReader {
    private final RocksDB owner;
    private final RocksDB raw;
    private final Overlay overlay;
    private final Captures captures;
    private final PagingContext context;
    private final Reads now;
    private final ColdReader cold;

    /**
     * @param owner of the iterators
     * @param raw the opened database
     * @param captures gets to know the iterators
     * @param now without a snapshot; the caller's
     */
    RowReader(
            RocksDB owner,
            RocksDB raw,
            Overlay overlay,
            Captures captures,
            PagingContext context,
            Reads now) {
        this.owner = owner;
        this.raw = raw;
        this.overlay = overlay;
        this.captures = captures;
        this.context = context;
        this.now = now;
        this.cold = new ColdReader(context.loader(), context.metrics());
    }

    /**
     * The value of a key, or null.
     *
     * @param reads the snapshot to read from; null for what is there now
     */
    byte @Nullable [] get(PagedState state, ExtentMap map, byte[] key, @Nullable Reads reads)
            throws RocksDBException {
        int extent = map.indexOf(key);
        Lookup row = local(state, map, extent, key, reads);
        if (row != null) {
            return row.value();
        }
        byte[] hot = state.hotRows().get(key);
        if (hot != null) {
            context.metrics().hotReads().increment();
            return hot;
        }
        row = findCold(state, map.extent(extent), key);
        return row == null ? null : row.value();
    }

    /**
     * What the local database says of a key; null if its extent is cold and it says nothing.
     *
     * @param extent the key's, as index of the map
     */
    @Nullable Lookup local(
            PagedState state, ExtentMap map, int extent, byte[] key, @Nullable Reads reads)
            throws RocksDBException {
        if (!map.isResident(extent)) {
            Lookup row = overlay.get(state, key, reads);
            if (row != null || !map.isLocal(extent)) {
                return row;
            }
        }
        byte[] value =
                reads == null
                        ? raw.get(state.handle(), key)
                        : raw.get(state.handle(), reads.options(), key);
        return value == null ? Lookup.REMOVED : new Lookup(value);
    }

    private @Nullable Lookup findCold(PagedState state, Extent extent, byte[] key) {
        try {
            return cold.find(extent, key);
        } catch (LazyStateException e) {
            throw e.inState(state.name());
        }
    }

    /** All rows within the bounds; the caller closes the iterator. */
    RocksIterator iterator(PagedState state, ExtentMap map, Reads reads) {
        return iterator(state, map, reads, cold);
    }

    /** An iterator of the task thread that ends, with an exception, at a page that is not here. */
    RocksIterator iteratorAtHand(PagedState state, AtHandReader atHand) {
        return iterator(state, state.map(), now, atHand);
    }

    private RocksIterator iterator(
            PagedState state, ExtentMap map, Reads reads, ColdReader reader) {
        RocksIterator main = raw.newIterator(state.handle(), reads.options());
        if (map.allResident()) {
            return main;
        }
        PagedIterator iterator;
        try {
            Bounds bounds = reads.bounds();
            PagedIterator.Local local =
                    new PagedIterator.Local(bounds, main, overlay.rows(state, reads, bounds));
            iterator = new PagedIterator(owner, state, map, local, reader, captures);
        } catch (Throwable t) {
            main.close();
            throw t;
        }
        captures.add(iterator, map);
        return iterator;
    }
}
