package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.StateModel.Row;
import java.util.Iterator;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.apache.flink.api.common.state.MapState;

/** Random accesses to the maps: single entries, batches, iterations. */
final class MapSteps {
    private static final int KEYS = 40;

    /** More rows than are moved to the main column family with one write. */
    private static final int MANY_ENTRIES = 1100;

    private final FuzzScope scope;

    MapSteps(FuzzScope scope) {
        this.scope = scope;
    }

    void change(Row row) throws Exception {
        MapState<String, String> map = scope.states().map(row);
        String key = key();
        long coldWrites = scope.coldWrites();
        switch (scope.random().nextInt(8)) {
            case 0 -> clear(row);
            case 1, 2, 3 -> {
                map.remove(key);
                NavigableMap<String, String> expected = scope.model().maps.get(row);
                if (expected != null && expected.containsKey(key)) {
                    expected.remove(key);
                    scope.hitIfCold(true, coldWrites, Event.REMOVAL_OVER_COLD);
                    dropIfEmpty(row, expected);
                }
            }
            default -> {
                String value = value();
                map.put(key, value);
                mapOf(row).put(key, value);
            }
        }
        String read = key();
        Map<String, String> expected = scope.model().maps.getOrDefault(row, StateModel.emptyMap());
        assertThat(map.get(read)).as("%s in map of %s", read, row).isEqualTo(expected.get(read));
        assertThat(map.contains(read))
                .as("%s in map of %s", read, row)
                .isEqualTo(expected.containsKey(read));
    }

    private void clear(Row row) throws Exception {
        long coldWrites = scope.coldWrites();
        scope.states().map(row).clear();
        boolean had = scope.model().maps.remove(row) != null;
        scope.hitIfCold(had, coldWrites, Event.REMOVAL_OVER_COLD);
    }

    void putAll(Row row) throws Exception {
        Map<String, String> entries = new TreeMap<>();
        for (int i = scope.random().nextInt(20); i >= 0; i--) {
            entries.put(key(), value());
        }
        put(row, entries);
    }

    /** Makes a map large, or a large one empty. */
    void putOrClearMany(Row row) throws Exception {
        NavigableMap<String, String> before = scope.model().maps.get(row);
        if (before != null && before.size() >= MANY_ENTRIES) {
            clear(row);
            scope.check().map(row);
            return;
        }
        Map<String, String> entries = new TreeMap<>();
        int version = scope.random().nextInt(10);
        for (int i = 0; i < MANY_ENTRIES; i++) {
            entries.put("many" + i, "v" + version);
        }
        put(row, entries);
    }

    private void put(Row row, Map<String, String> entries) throws Exception {
        long coldWrites = scope.coldWrites();
        scope.states().map(row).putAll(entries);
        scope.hitIfCold(true, coldWrites, Event.BATCH_OVER_COLD);
        mapOf(row).putAll(entries);
        scope.check().map(row);
    }

    /** Reads a map in order, and changes it on the way as iterators allow. */
    void iterate(Row row) throws Exception {
        NavigableMap<String, String> expected = mapOf(row);
        long crossings = scope.crossings();
        Iterator<Map.Entry<String, String>> found = scope.states().map(row).entries().iterator();
        Iterator<Map.Entry<String, String>> wanted = expected.entrySet().iterator();
        while (wanted.hasNext()) {
            Map.Entry<String, String> next = wanted.next();
            assertThat(found.hasNext()).as("map of %s has %s", row, next).isTrue();
            Map.Entry<String, String> entry = found.next();
            assertThat(entry.getKey()).as("next in map of %s", row).isEqualTo(next.getKey());
            assertThat(entry.getValue()).as("next in map of %s", row).isEqualTo(next.getValue());
            switch (scope.random().nextInt(8)) {
                case 0 -> {
                    found.remove();
                    wanted.remove();
                }
                case 1 -> {
                    String value = scope.string();
                    entry.setValue(value);
                    next.setValue(value);
                }
                default -> {}
            }
        }
        assertThat(found.hasNext()).as("map of %s goes on", row).isFalse();
        scope.hitIfCrossed(crossings);
        dropIfEmpty(row, expected);
        scope.check().map(row);
    }

    private String key() {
        int key = scope.random().nextInt(KEYS);
        return "k".repeat(key % 7) + key;
    }

    private String value() {
        return scope.random().nextInt(10) == 0 ? null : scope.string();
    }

    private NavigableMap<String, String> mapOf(Row row) {
        return scope.model().maps.computeIfAbsent(row, r -> StateModel.emptyMap());
    }

    private void dropIfEmpty(Row row, Map<String, String> map) {
        if (map.isEmpty()) {
            scope.model().maps.remove(row);
        }
    }
}
