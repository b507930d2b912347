package io.lazystate.paging;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.rocksdb.ColumnFamilyHandle;

/**
 * A state under test, what it holds, and what others may read of it while it changes.
 *
 * <p>Threads: the task changes it; any reads {@link #watch}.
 */
final class LiveTable {
    final String name;

    /** Null while it is dropped and restored. */
    volatile ColumnFamilyHandle family;

    private NavigableMap<byte[], byte[]> rows = RandomLayout.noRows();

    /** Keys whose rows may differ from what the adopted checkpoint has. */
    private final NavigableSet<byte[]> changed = new TreeSet<>(Arrays::compareUnsigned);

    /** What is being written. */
    private NavigableMap<byte[], byte[]> coming = RandomLayout.noRows();

    private final List<Watch> watches = new ArrayList<>();

    LiveTable(String name) {
        this.name = name;
    }

    /** The values that a read of a key may bring which begins now. */
    final class Watch implements AutoCloseable {
        private final byte[] key;
        private final List<byte[]> values = new ArrayList<>();

        private Watch(byte[] key) {
            this.key = key;
        }

        boolean allows(byte[] value) {
            synchronized (LiveTable.this) {
                return values.stream().anyMatch(one -> Arrays.equals(one, value));
            }
        }

        @Override
        public void close() {
            synchronized (LiveTable.this) {
                watches.remove(this);
            }
        }
    }

    synchronized Watch watch(byte[] key) {
        Watch watch = new Watch(key);
        watch.values.add(rows.get(key));
        if (coming.containsKey(key)) {
            watch.values.add(coming.get(key));
        }
        watches.add(watch);
        return watch;
    }

    synchronized boolean isWatched() {
        return !watches.isEmpty();
    }

    /** Begins a write, after which these rows are there; null values are removals. */
    synchronized void begin(Map<byte[], byte[]> change) {
        coming = RandomLayout.noRows();
        coming.putAll(change);
        for (Watch watch : watches) {
            if (coming.containsKey(watch.key)) {
                watch.values.add(coming.get(watch.key));
            }
        }
    }

    /** The write has been made. */
    synchronized void end() {
        coming.forEach(
                (key, value) -> {
                    changed.add(key);
                    if (value == null) {
                        rows.remove(key);
                    } else {
                        rows.put(key, value);
                    }
                });
        coming = RandomLayout.noRows();
    }

    /** Begins with other rows, all of them saved. */
    synchronized void restored(NavigableMap<byte[], byte[]> saved) {
        rows = saved;
        changed.clear();
    }

    /** Task thread, which does not change it meanwhile. */
    NavigableMap<byte[], byte[]> rows() {
        return rows;
    }

    NavigableMap<byte[], byte[]> copy() {
        return new TreeMap<>(rows);
    }

    /** What a checkpoint captured now must know as changed. */
    NavigableMap<byte[], byte[]> changes() {
        NavigableMap<byte[], byte[]> changes = RandomLayout.noRows();
        changed.forEach(key -> changes.put(key, rows.get(key)));
        return changes;
    }

    /** A checkpoint that holds these rows is built upon. */
    void saved(NavigableMap<byte[], byte[]> saved) {
        changed.removeIf(key -> Arrays.equals(saved.get(key), rows.get(key)));
    }
}
