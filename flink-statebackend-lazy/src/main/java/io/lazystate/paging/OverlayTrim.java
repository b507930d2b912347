package io.lazystate.paging;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteOptions;

/**
 * Forgets overlay rows that the runs of their cold extents have too, to give their space back.
 *
 * <p>Walks the overlay once, some rows a step, since the task waits meanwhile. Threads: the task
 * thread.
 */
final class OverlayTrim {
    /** About half a millisecond. */
    private static final int ROWS_A_STEP = 256;

    private final Overlay overlay;
    private final StateRegistry states;
    private final long savedInterval;
    private byte[] next = {};

    /**
     * @param savedInterval changes up to the end of this interval are in the adopted layouts
     */
    OverlayTrim(Overlay overlay, StateRegistry states, long savedInterval) {
        this.overlay = overlay;
        this.states = states;
        this.savedInterval = savedInterval;
    }

    /** Goes on; returns whether it has come to the end. */
    boolean step(ReadOptions readOptions, WriteOptions writeOptions) throws RocksDBException {
        Map<Integer, PagedState> byId = new HashMap<>();
        states.all().forEach(state -> byId.put(state.id(), state));
        List<byte[]> saved = new ArrayList<>();
        byte @Nullable [] last = null;
        // Anew with each step: a row that was written meanwhile must be seen as it is.
        try (RocksIterator rows = overlay.iterator(readOptions)) {
            int seen = 0;
            for (rows.seek(next); rows.isValid() && seen < ROWS_A_STEP; rows.next()) {
                seen++;
                last = rows.key();
                PagedState state = byId.get(Overlay.stateId(last));
                if (Overlay.interval(rows.value()) <= savedInterval && isCold(state, last)) {
                    saved.add(last);
                }
            }
            Natives.check(rows);
            if (!rows.isValid()) {
                last = null;
            }
        }
        overlay.delete(saved, writeOptions);
        if (last == null) {
            return true;
        }
        next = Arrays.copyOf(last, last.length + 1);
        return false;
    }

    private static boolean isCold(@Nullable PagedState state, byte[] overlayKey) {
        if (state == null) {
            return false; // dropped, and its rows with it
        }
        byte[] key = Arrays.copyOfRange(overlayKey, Overlay.PREFIX_BYTES, overlayKey.length);
        return !state.map().isLocal(state.map().indexOf(key));
    }
}
