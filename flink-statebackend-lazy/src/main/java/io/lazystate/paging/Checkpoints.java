package io.lazystate.paging;

import io.lazystate.error.Where;
import io.lazystate.manifest.StateLayout;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.annotation.Internal;
import org.rocksdb.RocksDBException;
import org.rocksdb.Snapshot;

/**
 * Where checkpoints begin and end: captures a database for one, and goes on from one that has
 * completed.
 *
 * <p>Threads: the task thread.
 */
@Internal
public final class Checkpoints {
    private final PagedRocksDB db;
    private final StateRegistry states;
    private final Overlay overlay;
    private final RowReader reader;
    private final HotKeys hotKeys;
    private final Residency residency;

    Checkpoints(
            PagedRocksDB db,
            StateRegistry states,
            Overlay overlay,
            RowReader reader,
            HotKeys hotKeys,
            Residency residency) {
        this.db = db;
        this.states = states;
        this.overlay = overlay;
        this.reader = reader;
        this.hotKeys = hotKeys;
        this.residency = residency;
    }

    /** Captures the database for a checkpoint. Cost: milliseconds, no I/O. */
    public SnapshotView capture() {
        List<HotKeys.HotKey> hot = hotKeys.all();
        Snapshot snapshot = db.getSnapshot();
        Reads reads = Reads.at(snapshot);
        long cut = residency.cut();
        List<StateView> views = new ArrayList<>();
        SnapshotView view = new SnapshotView(db, snapshot, reads, cut, views, hot);
        try {
            for (PagedState state : states.all()) {
                views.add(new StateView(reader, state, state.map(), reads, state.cut(cut)));
            }
            overlay.generations().rotate(cut);
            return view;
        } catch (RuntimeException | Error e) { // a change log had to spill, and the disk is full
            view.close();
            throw e;
        } catch (RocksDBException e) {
            view.close();
            throw Natives.failed(Where.NOWHERE, "beginning anew with the overlay", e);
        }
    }

    /**
     * Builds further checkpoints on a completed one.
     *
     * @param layouts what the checkpoint wrote, by the views it was captured with
     */
    public void adopt(SnapshotView view, Map<StateView, StateLayout> layouts) {
        db.settle();
        Map<PagedState, StateLayout> known = new HashMap<>();
        layouts.forEach(
                (stateView, layout) -> {
                    if (states.contains(stateView.state())) {
                        known.put(stateView.state(), layout);
                    }
                });
        try {
            residency.adopt(known, view.cut());
        } catch (RuntimeException | Error e) {
            db.accessFailed(e); // some states go on from it, and others not
            throw e;
        }
    }

    /** The files that live extents and open views need: every new checkpoint refers to them. */
    public Set<StoredObject> objectsInUse() {
        Set<StoredObject> objects = new LinkedHashSet<>();
        states.all().forEach(state -> objects.addAll(state.map().layout().objects()));
        residency.addPinned(objects);
        return objects;
    }
}
