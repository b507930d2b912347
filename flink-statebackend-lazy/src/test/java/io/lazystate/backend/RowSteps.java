package io.lazystate.backend;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.StateModel.Row;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.runtime.state.internal.InternalMergingState;

/** Random accesses to the states that have one row a key: values, sums, lists. */
final class RowSteps {
    private final FuzzScope scope;

    RowSteps(FuzzScope scope) {
        this.scope = scope;
    }

    void changeValue(Row row) throws Exception {
        long coldWrites = scope.coldWrites();
        if (scope.random().nextInt(3) == 0) {
            scope.states().value(row).clear();
            scope.hitIfCold(
                    scope.model().values.remove(row) != null, coldWrites, Event.REMOVAL_OVER_COLD);
        } else {
            putValue(row);
        }
        scope.check().value(scope.thisOrAny(row));
    }

    void putValue(Row row) throws Exception {
        String value = scope.string();
        scope.states().value(row).update(value);
        scope.model().values.put(row, value);
    }

    void changeSum(Row row) throws Exception {
        if (scope.random().nextInt(4) == 0) {
            scope.states().sum(row).clear();
            scope.model().sums.remove(row);
        } else {
            add(row, scope.random().nextInt(100) - 50);
        }
        scope.check().sum(scope.thisOrAny(row));
    }

    void add(Row row, long number) throws Exception {
        scope.states().sum(row).add(number);
        scope.model().sums.merge(row, number, Long::sum);
    }

    void changeList(Row row) throws Exception {
        long coldWrites = scope.coldWrites();
        switch (scope.random().nextInt(6)) {
            case 0 -> {
                scope.states().list(row).clear();
                boolean had = scope.model().lists.remove(row) != null;
                scope.hitIfCold(had, coldWrites, Event.REMOVAL_OVER_COLD);
            }
            case 1 -> {
                List<String> list = scope.strings(scope.random().nextInt(3));
                scope.states().list(row).update(list);
                scope.model().lists.remove(row);
                if (!list.isEmpty()) {
                    scope.model().lists.put(row, new ArrayList<>(list));
                }
            }
            default -> append(row, scope.strings(1 + scope.random().nextInt(3)));
        }
        scope.check().list(scope.thisOrAny(row));
    }

    void append(Row row, List<String> elements) throws Exception {
        long coldWrites = scope.coldWrites();
        ListState<String> list = scope.states().list(row);
        if (elements.size() > 1) {
            list.addAll(elements);
        } else {
            list.add(elements.get(0));
        }
        boolean had = scope.model().lists.containsKey(row);
        scope.hitIfCold(had, coldWrites, Event.APPEND_ONTO_COLD);
        scope.model().lists.computeIfAbsent(row, r -> new ArrayList<>()).addAll(elements);
    }

    void clear(String state, Row row) throws Exception {
        switch (state) {
            case "values" -> {
                scope.states().value(row).clear();
                scope.model().values.remove(row);
            }
            case "lists" -> {
                scope.states().list(row).clear();
                scope.model().lists.remove(row);
            }
            default -> {
                scope.states().sum(row).clear();
                scope.model().sums.remove(row);
            }
        }
    }

    /** What session windows do when they merge. */
    void mergeNamespaces(Row target) throws Exception {
        List<Long> namespaces = FuzzSubtask.NAMESPACES;
        long other = namespaces.get(target.namespace() == namespaces.get(0) ? 1 : 0);
        Row source = new Row(target.key(), other);
        if (scope.random().nextBoolean()) {
            merge(scope.states().list(target), target, source);
            List<String> moved = scope.model().lists.remove(source);
            if (moved != null) {
                scope.model().lists.computeIfAbsent(target, r -> new ArrayList<>()).addAll(moved);
            }
            scope.check().list(target);
            scope.check().list(source);
        } else {
            merge(scope.states().sum(target), target, source);
            Long moved = scope.model().sums.remove(source);
            if (moved != null) {
                scope.model().sums.merge(target, moved, Long::sum);
            }
            scope.check().sum(target);
            scope.check().sum(source);
        }
    }

    @SuppressWarnings("unchecked") // every merging state of Flink's RocksDB backend is one
    private static void merge(Object state, Row target, Row source) throws Exception {
        ((InternalMergingState<Long, Long, ?, ?, ?>) state)
                .mergeNamespaces(target.namespace(), List.of(source.namespace()));
    }
}
