package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.Schedule;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.rocksdb.RocksIterator;

/**
 * Writes what the task has captured, in a thread of its own, and compares it with what the states
 * held then.
 */
final class CheckpointsAside {
    /** A capture, what each state held then, and what had changed since the last adoption. */
    static final class Captured {
        final SnapshotView view;
        private final Map<String, NavigableMap<byte[], byte[]>> rows = new HashMap<>();
        private final Map<String, NavigableMap<byte[], byte[]>> changes = new HashMap<>();
        private volatile Map<StateView, StateLayout> written;
        private volatile boolean givenUp;
        private volatile boolean over;

        Captured(SnapshotView view, List<LiveTable> tables) {
            this.view = view;
            for (LiveTable table : tables) {
                rows.put(table.name, table.copy());
                changes.put(table.name, table.changes());
            }
        }

        /** Whether it is written, or will not be, and its view is closed. */
        boolean isOver() {
            return over;
        }

        /** Null if it was given up. */
        Map<StateView, StateLayout> written() {
            return written;
        }

        NavigableMap<byte[], byte[]> rows(LiveTable table) {
            return rows.get(table.name);
        }

        void giveUp() {
            givenUp = true;
        }
    }

    private final Schedule schedule;
    private final Random random;
    private final RandomLayout layouts;
    private final Queue<Captured> captured = new ConcurrentLinkedQueue<>();

    CheckpointsAside(Schedule schedule, long seed, Path directory) {
        this.schedule = schedule;
        this.random = new Random(seed);
        this.layouts = new RandomLayout(random, directory, "checkpoint-run-");
    }

    void write(Captured next) {
        captured.add(next);
    }

    /** The thread. */
    void run() throws Exception {
        while (!schedule.isStopping() || !captured.isEmpty()) {
            Captured next = captured.poll();
            if (next == null) {
                schedule.rest("between checkpoints", 1 + random.nextInt(100));
            } else {
                finish(next);
            }
        }
    }

    private void finish(Captured checkpoint) throws Exception {
        Map<StateView, StateLayout> written = new LinkedHashMap<>();
        try {
            for (StateView state : checkpoint.view.states()) {
                schedule.pause("checkpoint");
                if (checkpoint.givenUp) {
                    return;
                }
                written.put(state, write(state, checkpoint));
            }
            checkpoint.written = written;
        } finally {
            checkpoint.view.close();
            checkpoint.over = true;
        }
    }

    private StateLayout write(StateView state, Captured checkpoint) throws Exception {
        NavigableMap<byte[], byte[]> rows = checkpoint.rows.get(state.name());
        NavigableMap<byte[], byte[]> changes = checkpoint.changes.get(state.name());
        checkChanges(state, changes);
        if (random.nextInt(3) == 0) {
            checkRows(state, rows);
        }
        List<Extent> extents = new ArrayList<>();
        for (int i = 0; i < state.layout().extents().size(); i++) {
            schedule.pause("checkpoint");
            Extent extent = state.layout().extents().get(i);
            boolean whole =
                    (state.isLocal(i) && extent.base() == null)
                            || (isEmpty(rows, extent) && random.nextBoolean());
            int joined = endOfLocal(state, i);
            if (joined > i + 1) {
                byte[] end = state.layout().extents().get(joined - 1).upper();
                extent = new Extent(extent.lower(), end, null, List.of());
                whole = true;
                i = joined - 1;
            }
            extents.addAll(layouts.checkpoint(extent, rows, changes, whole));
        }
        return StateLayout.of(extents);
    }

    private static boolean isEmpty(NavigableMap<byte[], byte[]> rows, Extent extent) {
        return RandomLayout.range(rows, extent.lower(), extent.upper()).isEmpty();
    }

    /** The end of some extents that a checkpoint may join. */
    private int endOfLocal(StateView state, int from) {
        int end = from + 1;
        while (state.isLocal(from)
                && end < state.layout().extents().size()
                && state.isLocal(end)
                && random.nextInt(3) == 0) {
            end++;
        }
        return end;
    }

    private static void checkChanges(StateView state, NavigableMap<byte[], byte[]> changes)
            throws Exception {
        NavigableMap<byte[], byte[]> found = RandomLayout.noRows();
        try (ChangedKeys keys = ChangedKeys.merge(state.changes())) {
            while (keys.advance()) {
                found.put(keys.key(), state.changedValue(keys.key()));
            }
        }
        for (Map.Entry<byte[], byte[]> change : changes.entrySet()) {
            assertThat(found.containsKey(change.getKey())).as("a change is known").isTrue();
            assertThat(found.get(change.getKey()))
                    .as("a captured change")
                    .isEqualTo(change.getValue());
        }
    }

    private static void checkRows(StateView state, NavigableMap<byte[], byte[]> rows) {
        try (RocksIterator found = state.rows()) {
            found.seekToFirst();
            for (Map.Entry<byte[], byte[]> row : rows.entrySet()) {
                assertThat(found.isValid()).as("a captured row is there").isTrue();
                assertThat(found.key()).as("a captured key").isEqualTo(row.getKey());
                assertThat(found.value()).as("a captured row").isEqualTo(row.getValue());
                found.next();
            }
            assertThat(found.isValid()).as("a row that was not captured").isFalse();
        }
    }
}
