package io.lazystate.paging;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.annotation.Internal;
import org.rocksdb.ReadOptions;
import org.rocksdb.Snapshot;

/**
 * The database at one moment: rows, extent maps and changes since the last adopted checkpoint,
 * captured together.
 *
 * <p>Threads: captured by the task thread, read and closed by any. Ownership: the caller closes it,
 * before the database; until then its files stay in every new checkpoint (I11).
 */
@Internal
public final class SnapshotView implements AutoCloseable {
    private final PagedRocksDB db;
    private final Snapshot snapshot;
    private final ReadOptions options;
    private final long cut;
    private final List<StateView> states;
    private final AtomicBoolean closed = new AtomicBoolean();

    SnapshotView(
            PagedRocksDB db,
            Snapshot snapshot,
            ReadOptions options,
            long cut,
            List<StateView> states) {
        this.db = db;
        this.snapshot = snapshot;
        this.options = options;
        this.cut = cut;
        this.states = states;
    }

    /** The states, in the order they were registered. */
    public List<StateView> states() {
        return states;
    }

    long cut() {
        return cut;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            states.forEach(state -> state.changes().forEach(ChangeInterval::release));
            options.close();
            db.releaseSnapshot(snapshot);
            snapshot.close();
        }
    }
}
