package io.lazystate.paging;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
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
    private final Reads reads;
    private final long cut;
    private final List<StateView> states;
    private final List<HotKeys.HotKey> hotKeys;
    private final AtomicBoolean closed = new AtomicBoolean();

    SnapshotView(
            PagedRocksDB db,
            Snapshot snapshot,
            Reads reads,
            long cut,
            List<StateView> states,
            List<HotKeys.HotKey> hotKeys) {
        this.db = db;
        this.snapshot = snapshot;
        this.reads = reads;
        this.cut = cut;
        this.states = states;
        this.hotKeys = hotKeys;
    }

    /** The states, in the order they were registered. */
    public List<StateView> states() {
        return states;
    }

    /**
     * The rows that were read most and are at hand, the most read ones first; read as they come.
     */
    public Stream<HotRow> hotRows() {
        Map<PagedState, StateView> views = new HashMap<>();
        states.forEach(view -> views.put(view.state(), view));
        return hotKeys.stream()
                .sorted(Comparator.comparingLong(HotKeys.HotKey::samples).reversed())
                .flatMap(hot -> atHand(views.get(hot.state()), hot.key()));
    }

    private static Stream<HotRow> atHand(@Nullable StateView view, byte[] key) {
        byte[] value = view == null ? null : view.valueAtHand(key);
        return view == null || value == null
                ? Stream.empty()
                : Stream.of(new HotRow(view, key, value));
    }

    /** A row that was read often. */
    public record HotRow(StateView state, byte[] key, byte[] value) {}

    long cut() {
        return cut;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            states.forEach(state -> state.changes().forEach(ChangeInterval::release));
            reads.close();
            db.releaseSnapshot(snapshot);
            snapshot.close();
        }
    }
}
