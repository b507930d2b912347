package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Lookup;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * One state as a {@link SnapshotView} sees it.
 *
 * <p>Threads: any, one at a time. Ownership: usable until its view is closed.
 */
@Internal
public final class StateView {
    private final RowReader reader;
    private final PagedState state;
    private final ExtentMap map;
    private final Reads reads;
    private final List<ChangeInterval> changes;

    StateView(
            RowReader reader,
            PagedState state,
            ExtentMap map,
            Reads reads,
            List<ChangeInterval> changes) {
        this.reader = reader;
        this.state = state;
        this.map = map;
        this.reads = reads;
        this.changes = changes;
    }

    /** The state's name. */
    public String name() {
        return state.name();
    }

    /** The layout that this checkpoint builds on. */
    public StateLayout layout() {
        return map.layout();
    }

    /** Whether the extent with this index in the layout was resident, and was to stay. */
    public boolean isResident(int extent) {
        return map.isResident(extent);
    }

    /** Whether the rows of the extent with this index in the layout can be read locally. */
    public boolean isLocal(int extent) {
        return map.isLocal(extent);
    }

    /** The intervals whose keys changed since the layout was written. */
    public List<ChangeInterval> changes() {
        return changes;
    }

    /**
     * The value of a changed key; null if it was removed.
     *
     * <p>Cost: local only, since a changed key's row is in the overlay or resident.
     */
    public byte @Nullable [] changedValue(byte[] key) {
        Lookup row = localRow(key, "reading a changed row");
        if (row == null) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    PagedRocksDB.where(state),
                    "A changed key of a cold extent has no overlay row; the checkpoint is not"
                            + " written; report this",
                    null);
        }
        return row.value();
    }

    /**
     * The value of a key that is at hand: resident, in the overlay, or brought along; else, or if
     * it is absent, null.
     */
    byte @Nullable [] valueAtHand(byte[] key) {
        Lookup row = localRow(key, "reading a hot row");
        return row == null ? state.hotRows().get(key) : row.value();
    }

    private @Nullable Lookup localRow(byte[] key, String purpose) {
        try {
            return reader.local(state, map, map.indexOf(key), key, reads);
        } catch (RocksDBException e) {
            throw Natives.failed(PagedRocksDB.where(state), purpose, e);
        }
    }

    /** All rows, cold ones included; the caller closes the iterator. */
    public RocksIterator rows() {
        return reader.iterator(state, map, reads);
    }

    PagedState state() {
        return state;
    }
}
