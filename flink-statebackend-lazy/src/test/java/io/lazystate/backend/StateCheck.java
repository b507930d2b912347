package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.StateModel.Row;
import io.lazystate.backend.StateModel.Timer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.util.CloseableIterator;

/** Compares the states of a task that its code knows with their model. */
final class StateCheck {
    private final TestTask task;
    private final FuzzStates states;
    private final StateModel model;

    StateCheck(TestTask task, FuzzStates states, StateModel model) {
        this.task = task;
        this.states = states;
        this.model = model;
    }

    /**
     * All rows, also the absent ones, and all keys in their order.
     *
     * @param rows every row that can have a value in this task
     */
    void all(Collection<Row> rows) throws Exception {
        for (Row row : rows) {
            row(row);
        }
        for (StateDescriptor<?, ?> descriptor : states.all()) {
            keys(descriptor);
        }
        firstTimer();
    }

    void row(Row row) throws Exception {
        value(row);
        sum(row);
        list(row);
        map(row);
    }

    void value(Row row) throws Exception {
        if (!states.has("values")) {
            return;
        }
        assertThat(states.value(row).value())
                .as("value of %s", row)
                .isEqualTo(model.values.get(row));
    }

    void sum(Row row) throws Exception {
        if (!states.has("sums")) {
            return;
        }
        assertThat(states.sum(row).get()).as("sum of %s", row).isEqualTo(model.sums.get(row));
    }

    void list(Row row) throws Exception {
        if (!states.has("lists")) {
            return;
        }
        Iterable<String> found = states.list(row).get();
        List<String> list = new ArrayList<>();
        if (found != null) {
            found.forEach(list::add);
        }
        assertThat(list).as("list of %s", row).isEqualTo(model.lists.getOrDefault(row, List.of()));
    }

    void map(Row row) throws Exception {
        if (!states.has("maps")) {
            return;
        }
        Map<String, String> found = new LinkedHashMap<>();
        for (Map.Entry<String, String> entry : states.map(row).entries()) {
            assertThat(found).as("map of %s, entry twice", row).doesNotContainKey(entry.getKey());
            found.put(entry.getKey(), entry.getValue());
        }
        Map<String, String> expected = model.maps.getOrDefault(row, StateModel.emptyMap());
        assertThat(new ArrayList<>(found.entrySet()))
                .as("map of %s, in order", row)
                .isEqualTo(new ArrayList<>(expected.entrySet()));
        assertThat(states.map(row).isEmpty())
                .as("map of %s is empty", row)
                .isEqualTo(expected.isEmpty());
    }

    /** The keys of a state, of each namespace and with it, in the order of their bytes. */
    void keys(StateDescriptor<?, ?> descriptor) throws Exception {
        for (long namespace : FuzzSubtask.NAMESPACES) {
            states.register(descriptor, namespace);
            try (Stream<Long> keys = task.backend().getKeys(descriptor.getName(), namespace)) {
                assertThat(keys.toList())
                        .as("keys of %s, namespace %s", descriptor.getName(), namespace)
                        .isEqualTo(expectedKeys(descriptor, namespace));
            }
        }
        try (Stream<Tuple2<Long, Long>> keys =
                task.backend().getKeysAndNamespaces(descriptor.getName())) {
            assertThat(keys.map(key -> new Row(key.f0, key.f1)).toList())
                    .as("keys and namespaces of %s", descriptor.getName())
                    .isEqualTo(new ArrayList<>(rowsOf(descriptor)));
        }
    }

    List<Long> expectedKeys(StateDescriptor<?, ?> descriptor, long namespace) {
        return rowsOf(descriptor).stream()
                .filter(row -> row.namespace() == namespace)
                .map(Row::key)
                .toList();
    }

    private Collection<Row> rowsOf(StateDescriptor<?, ?> descriptor) {
        return switch (descriptor.getName()) {
            case "values" -> model.values.keySet();
            case "sums" -> model.sums.keySet();
            case "lists" -> model.lists.keySet();
            default -> model.maps.keySet();
        };
    }

    /**
     * All timers, within a key group in their order.
     *
     * <p>Only if none was taken out yet: Flink's queue leaves timers out of an iteration that are
     * earlier than one that it has given away.
     */
    @SuppressWarnings("try") // a CloseableIterator may throw anything
    void timers() throws Exception {
        if (!states.has("timers")) {
            return;
        }
        List<Timer> found = new ArrayList<>();
        try (CloseableIterator<TimerHeapInternalTimer<Long, Long>> timers =
                states.timers().iterator()) {
            timers.forEachRemaining(timer -> found.add(FuzzStates.timer(timer)));
        }
        List<Timer> byTimestamp = new ArrayList<>(found);
        byTimestamp.sort(model.timers.comparator());
        assertThat(byTimestamp).as("timers").isEqualTo(new ArrayList<>(model.timers));
        Map<Integer, Long> last = new LinkedHashMap<>();
        for (Timer timer : found) {
            Long before = last.put(model.keyGroup(timer.key()), timer.timestamp());
            assertThat(before == null || before <= timer.timestamp())
                    .as("order of timers at %s", timer)
                    .isTrue();
        }
    }

    void firstTimer() {
        if (!states.has("timers")) {
            return;
        }
        TimerHeapInternalTimer<Long, Long> first = states.timers().peek();
        assertThat(first == null ? null : first.getTimestamp())
                .as("first timer")
                .isEqualTo(model.timers.isEmpty() ? null : model.timers.first().timestamp());
        assertThat(states.timers().isEmpty()).isEqualTo(model.timers.isEmpty());
    }
}
