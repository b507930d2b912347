package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.MergeCursor;
import io.lazystate.manifest.Extent;
import io.lazystate.run.RowCursor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * Iterates over a state of which some extents are cold: extent by extent, the resident ones from
 * the main column family, the others from overlay and runs, or from both while they leave.
 *
 * <p>Shape: the extent map is the one of its creation, and rows that the main column family holds
 * of extents that were cold then are passed over, so linking behind its back changes nothing.
 * Bounds hold for cold rows as for resident ones. Threads: one. Goes forward only. Cost: see {@link
 * ColdReader}; it never fetches a page of which the caller asks no more than the first key.
 */
final class PagedIterator extends RocksIterator {
    /**
     * The rows of the state in the local database, of one moment and within bounds.
     *
     * @param main over the state's column family
     */
    record Local(Bounds bounds, RocksIterator main, Overlay.Rows overlay) implements AutoCloseable {
        @Override
        public void close() {
            overlay.close();
            main.close();
        }
    }

    private final PagedState state;
    private final ExtentMap map;
    private final Local local;
    private final Bounds bounds;
    private final RocksIterator main;
    private final Overlay.Rows overlay;
    private final ColdReader cold;
    private final Captures captures;
    private int extent;
    private @Nullable RowCursor rows;

    /**
     * @param local closed with this iterator
     * @param captures forgets this iterator when it is closed
     */
    PagedIterator(
            RocksDB db,
            PagedState state,
            ExtentMap map,
            Local local,
            ColdReader cold,
            Captures captures) {
        super(db, local.main().getNativeHandle());
        disOwnNativeHandle(); // main's own close frees it
        this.state = state;
        this.map = map;
        this.local = local;
        this.bounds = local.bounds();
        this.main = local.main();
        this.overlay = local.overlay();
        this.cold = cold;
        this.captures = captures;
    }

    @Override
    public boolean isValid() {
        return rows != null && rows.valid();
    }

    @Override
    public void seekToFirst() {
        seek(new byte[0]);
    }

    @Override
    public void seek(byte[] target) {
        byte[] first = bounds.from(target);
        if (bounds.endBefore(first)) {
            rows = null;
            return;
        }
        try {
            open(map.indexOf(first), first);
            skipEmpty();
        } catch (LazyStateException e) {
            throw inState(e);
        }
    }

    @Override
    public void next() {
        try {
            rows().next();
            skipEmpty();
        } catch (LazyStateException e) {
            throw inState(e);
        }
    }

    /** An array of the caller's own: Flink's savepoint writer sets a bit in it. */
    @Override
    public byte[] key() {
        return rows().key().clone();
    }

    @Override
    public byte[] value() {
        try {
            return rows().value();
        } catch (LazyStateException e) {
            throw inState(e);
        }
    }

    /** Errors are thrown where they happen; an iterator that ended has seen everything. */
    @Override
    public void status() throws RocksDBException {
        main.status();
        overlay.check();
    }

    @Override
    public void close() {
        rows = null;
        captures.remove(this);
        local.close();
    }

    private void skipEmpty() {
        while (!rows().valid()) {
            int next = map.stretchEnd(extent);
            if (next >= map.size() || bounds.endBefore(map.extent(next).lower())) {
                return;
            }
            if (!map.isLocal(extent)) {
                cold.countCrossing();
            }
            open(next, map.extent(next).lower());
        }
    }

    private void open(int index, byte[] target) {
        extent = index;
        if (map.isResident(index)) {
            Extent last = map.extent(map.stretchEnd(index) - 1);
            RowCursor resident = new MainCursor(main, bounds.end(last.upper()));
            resident.seek(target);
            rows = resident;
            return;
        }
        Extent range = map.extent(index);
        byte[] end = bounds.end(range.upper());
        List<RowCursor> sources = new ArrayList<>();
        if (state.overlaid()) {
            sources.addAll(overlay.cursors());
        }
        if (map.isLeaving(index)) {
            sources.add(new MainCursor(main, end));
        } else {
            sources.addAll(cold.cursors(range));
            cold.fetchForSeek(range, target);
        }
        RowCursor merged = new MergeCursor(sources, range.lower(), end, false);
        merged.seek(target);
        rows = merged;
    }

    private RowCursor rows() {
        return Objects.requireNonNull(rows, "seek first");
    }

    private LazyStateException inState(LazyStateException e) {
        return e.inState(state.name());
    }

    private static LazyStateException forwardOnly(String method) {
        return new LazyStateException(
                Kind.INTERNAL,
                Where.NOWHERE,
                "An iterator over cold extents was asked for "
                        + method
                        + "; it goes forward only; make the state resident first",
                null);
    }

    @Override
    public void seek(ByteBuffer target) {
        byte[] key = new byte[target.remaining()];
        target.get(key);
        seek(key);
    }

    @Override
    public int key(byte[] target) {
        return copy(rows().key(), target, 0, target.length);
    }

    @Override
    public int key(byte[] target, int offset, int length) {
        return copy(rows().key(), target, offset, length);
    }

    @Override
    public int key(ByteBuffer target) {
        return copy(rows().key(), target);
    }

    @Override
    public int value(byte[] target) {
        return copy(value(), target, 0, target.length);
    }

    @Override
    public int value(byte[] target, int offset, int length) {
        return copy(value(), target, offset, length);
    }

    @Override
    public int value(ByteBuffer target) {
        return copy(value(), target);
    }

    @Override
    public void seekToLast() {
        throw forwardOnly("seekToLast");
    }

    @Override
    public void seekForPrev(byte[] target) {
        throw forwardOnly("seekForPrev");
    }

    @Override
    public void seekForPrev(ByteBuffer target) {
        throw forwardOnly("seekForPrev");
    }

    @Override
    public void prev() {
        throw forwardOnly("prev");
    }

    @Override
    public void refresh() {
        throw forwardOnly("refresh");
    }

    private static int copy(byte[] from, byte[] to, int offset, int length) {
        System.arraycopy(from, 0, to, offset, Math.min(from.length, length));
        return from.length;
    }

    private static int copy(byte[] from, ByteBuffer to) {
        to.duplicate().put(from, 0, Math.min(from.length, to.remaining()));
        to.limit(to.position() + Math.min(from.length, to.remaining()));
        return from.length;
    }
}
