package io.lazystate.paging;

import io.lazystate.manifest.StateLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.rocksdb.ColumnFamilyHandle;

/**
 * One state: its column family, its extents, and which of its keys changed since when.
 *
 * <p>Threads: the task thread changes it; others read {@link #map} and get immutable maps.
 */
final class PagedState {
    /** The changes up to one capture. */
    private record Logged(long cut, ChangeInterval changes) {}

    private final int id;
    private final String name;
    private final ColumnFamilyHandle handle;
    private final ChangeLog changes;
    private final Deque<Logged> ended = new ArrayDeque<>();
    private volatile ExtentMap map;
    private volatile boolean overlaid;
    private volatile HotRows hotRows = HotRows.NONE;

    /**
     * @param id unique in the backend's life; prefix of the state's overlay rows
     */
    PagedState(int id, String name, ColumnFamilyHandle handle, ExtentMap map, ChangeLog changes) {
        this.id = id;
        this.name = name;
        this.handle = handle;
        this.map = map;
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

    ExtentMap map() {
        return map;
    }

    void setMap(ExtentMap newMap) {
        map = newMap;
    }

    ChangeLog changes() {
        return changes;
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
        List<ChangeInterval> since = new ArrayList<>(ended.size());
        for (Logged logged : ended) {
            since.add(logged.changes().retain());
        }
        return since;
    }

    /** Goes on from a completed checkpoint's layout: changes up to its cut are in it. */
    void adopt(StateLayout layout, long cut) {
        map = map.withLayout(layout);
        while (!ended.isEmpty() && ended.element().cut() <= cut) {
            ended.remove().changes().release();
        }
    }

    void close() {
        ended.forEach(logged -> logged.changes().release());
        ended.clear();
        changes.close();
    }
}
