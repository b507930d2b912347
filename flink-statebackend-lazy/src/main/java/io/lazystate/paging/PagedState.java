package io.lazystate.paging;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;

/**
 * One state: its column family, its extents, and which of its keys changed since when.
 *
 * <p>Threads: the task thread changes it; others read {@link #map}, and take steps of its {@link
 * #extents}.
 */
final class PagedState {
    /** The changes up to one capture. */
    private record Logged(long cut, ChangeInterval changes) {}

    private final int id;
    private final String name;
    private final ColumnFamilyHandle handle;
    private final ChangeLog changes;
    private final Deque<Logged> ended = new ArrayDeque<>();
    private final Extents extents;
    private volatile boolean overlaid;
    private volatile HotRows hotRows = HotRows.NONE;

    /** Extents that were written to since the last cut; null if nobody wants to know. */
    private @Nullable BitSet written;

    /**
     * @param id unique in the backend's life; prefix of the state's overlay rows
     */
    PagedState(int id, String name, ColumnFamilyHandle handle, ChangeLog changes) {
        this.id = id;
        this.name = name;
        this.handle = handle;
        this.extents = new Extents(name);
        this.changes = changes;
    }

    int id() {
        return id;
    }

    String name() {
        return name;
    }

    ColumnFamilyHandle handle() {
        return handle;
    }

    /** The extents as they are now. */
    ExtentMap map() {
        return extents.map();
    }

    /** Where steps of the extents are taken. */
    Extents extents() {
        return extents;
    }

    /** From now on, {@link #isClean} can tell. */
    void trackWrites() {
        written = new BitSet();
    }

    /** Notes that a key is written to (I6). */
    void log(byte[] key) {
        changes.add(key);
        if (written != null) {
            written.set(map().indexOf(key));
        }
    }

    /** As above, for a key inside of an array. */
    void log(byte[] data, int offset, int length) {
        if (written == null) {
            changes.add(data, offset, length);
        } else {
            log(Arrays.copyOfRange(data, offset, offset + length));
        }
    }

    /** Whether the layout's runs are known to hold all that was written to this extent. */
    boolean isClean(int extent) {
        return written != null && ended.isEmpty() && !written.get(extent);
    }

    /** Whether the overlay may hold rows of this state. */
    boolean overlaid() {
        return overlaid;
    }

    void markOverlaid() {
        overlaid = true;
    }

    HotRows hotRows() {
        return hotRows;
    }

    void setHotRows(HotRows rows) {
        hotRows = rows;
    }

    /** Ends the running interval at a cut; returns all since the last adopted one, retained. */
    List<ChangeInterval> cut(long cut) {
        ended.add(new Logged(cut, changes.rotate()));
        if (written != null) {
            written.clear();
        }
        List<ChangeInterval> since = new ArrayList<>(ended.size());
        for (Logged logged : ended) {
            since.add(logged.changes().retain());
        }
        return since;
    }

    /** Goes on from a completed checkpoint's layout: changes up to its cut are in it. */
    void adopt(RowMoves.Move move, StateLayout layout, long cut) {
        ExtentMap old = map();
        extents.adopt(move, layout, cut);
        while (!ended.isEmpty() && ended.element().cut() <= cut) {
            ended.remove().changes().release();
        }
        if (written != null) {
            written = carried(written, old, map());
        }
    }

    private static BitSet carried(BitSet marked, ExtentMap old, ExtentMap map) {
        BitSet carried = new BitSet();
        for (int i = marked.nextSetBit(0); i >= 0; i = marked.nextSetBit(i + 1)) {
            Extent extent = old.extent(i);
            int j = map.indexOf(extent.lower());
            for (; j < map.size() && map.extent(j).overlaps(extent.lower(), extent.upper()); j++) {
                carried.set(j);
            }
        }
        return carried;
    }

    void close() {
        ended.forEach(logged -> logged.changes().release());
        ended.clear();
        changes.close();
    }
}
