package io.lazystate.backend;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;

/**
 * What the states of some subtasks must hold: sorted maps, in the order of the rows in RocksDB.
 *
 * <p>Threads: one, except copies, which nobody changes.
 */
final class StateModel {
    /** What a value belongs to. */
    record Row(long key, long namespace) {}

    /** A timer; its natural order is the one in which timers fire. */
    record Timer(long timestamp, long key, long namespace) {}

    private static final Comparator<Timer> FIRING =
            Comparator.comparingLong(Timer::timestamp)
                    .thenComparingLong(Timer::key)
                    .thenComparingLong(Timer::namespace);

    private final int maxParallelism;
    private final Comparator<Row> rowOrder;
    final NavigableMap<Row, String> values;
    final NavigableMap<Row, Long> sums;
    final NavigableMap<Row, List<String>> lists;
    final NavigableMap<Row, NavigableMap<String, String>> maps;
    final NavigableSet<Timer> timers = new TreeSet<>(FIRING);

    /** Of the serializer of the values. */
    int valuesVersion = 1;

    StateModel(int maxParallelism) {
        this.maxParallelism = maxParallelism;
        this.rowOrder =
                Comparator.<Row>comparingInt(row -> keyGroup(row.key()))
                        .thenComparing(Row::key, Long::compareUnsigned)
                        .thenComparing(Row::namespace, Long::compareUnsigned);
        this.values = new TreeMap<>(rowOrder);
        this.sums = new TreeMap<>(rowOrder);
        this.lists = new TreeMap<>(rowOrder);
        this.maps = new TreeMap<>(rowOrder);
    }

    int maxParallelism() {
        return maxParallelism;
    }

    int keyGroup(long key) {
        return KeyGroupRangeAssignment.assignToKeyGroup(key, maxParallelism);
    }

    StateModel copy() {
        return within(KeyGroupRange.of(0, maxParallelism - 1));
    }

    /** A copy of what belongs to a subtask. */
    StateModel within(KeyGroupRange keyGroups) {
        StateModel part = new StateModel(maxParallelism);
        part.valuesVersion = valuesVersion;
        copy(values, keyGroups, part.values);
        copy(sums, keyGroups, part.sums);
        lists.forEach(
                (row, list) -> {
                    if (keyGroups.contains(keyGroup(row.key()))) {
                        part.lists.put(row, new ArrayList<>(list));
                    }
                });
        maps.forEach(
                (row, map) -> {
                    if (keyGroups.contains(keyGroup(row.key()))) {
                        part.maps.put(row, new TreeMap<>(map));
                    }
                });
        timers.stream()
                .filter(timer -> keyGroups.contains(keyGroup(timer.key())))
                .forEach(part.timers::add);
        return part;
    }

    private <V> void copy(Map<Row, V> from, KeyGroupRange keyGroups, Map<Row, V> to) {
        from.forEach(
                (row, value) -> {
                    if (keyGroups.contains(keyGroup(row.key()))) {
                        to.put(row, value);
                    }
                });
    }

    /** Adds another subtask's part. */
    void addAll(StateModel part) {
        valuesVersion = part.valuesVersion;
        values.putAll(part.values);
        sums.putAll(part.sums);
        lists.putAll(part.lists);
        maps.putAll(part.maps);
        timers.addAll(part.timers);
    }

    /** An empty map in the order of its keys' bytes. */
    static NavigableMap<String, String> emptyMap() {
        return new TreeMap<>(
                (a, b) -> a.equals(b) ? 0 : Arrays.compareUnsigned(bytes(a), bytes(b)));
    }

    private static byte[] bytes(String mapKey) {
        DataOutputSerializer out = new DataOutputSerializer(64);
        try {
            StringSerializer.INSTANCE.serialize(mapKey, out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.getCopyOfBuffer();
    }

    int size() {
        return values.size() + sums.size() + lists.size() + maps.size() + timers.size();
    }
}
