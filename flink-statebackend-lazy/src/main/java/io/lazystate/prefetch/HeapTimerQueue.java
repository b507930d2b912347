package io.lazystate.prefetch;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.apache.flink.runtime.state.KeyExtractorFunction;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.PriorityComparator;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueElement;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueSet;

/**
 * Flink's queue of timers on the heap, which also tells what it would give next.
 *
 * <p>Timers of the same time come in an order that follows from their places in the heap's array
 * alone: to know it, their removal is played through, with the changes kept aside.
 */
final class HeapTimerQueue<T extends HeapPriorityQueueElement> extends HeapPriorityQueueSet<T> {
    HeapTimerQueue(
            PriorityComparator<T> order,
            KeyExtractorFunction<T> keys,
            int capacity,
            KeyGroupRange keyGroups,
            int numberOfKeyGroups) {
        super(order, keys, capacity, keyGroups, numberOfKeyGroups);
    }

    /**
     * What {@link #poll} would give. Cost: as of as many polls, and a small map.
     *
     * @param wanted ends the list with the first that is not
     */
    List<T> upcoming(int most, Predicate<T> wanted) {
        List<T> upcoming = new ArrayList<>();
        Map<Integer, T> moved = new HashMap<>();
        for (int left = size(); left > 0 && upcoming.size() < most; left--) {
            T first = at(getHeadElementIndex(), moved);
            if (!wanted.test(first)) {
                break;
            }
            upcoming.add(first);
            if (left > getHeadElementIndex()) {
                sink(at(left, moved), left, moved);
            }
        }
        return upcoming;
    }

    /** Where the last element comes to lie once it has taken the first one's place. */
    private void sink(T element, int last, Map<Integer, T> moved) {
        int place = getHeadElementIndex();
        int child = lesserChild(place, last, moved);
        while (child <= last && isBefore(at(child, moved), element)) {
            moved.put(place, at(child, moved));
            place = child;
            child = lesserChild(place, last, moved);
        }
        moved.put(place, element);
    }

    private int lesserChild(int place, int last, Map<Integer, T> moved) {
        int first = place << 1;
        int second = first + 1;
        return second <= last && isBefore(at(second, moved), at(first, moved)) ? second : first;
    }

    private boolean isBefore(T one, T other) {
        return elementPriorityComparator.comparePriority(one, other) < 0;
    }

    private T at(int place, Map<Integer, T> moved) {
        T element = moved.get(place);
        return Objects.requireNonNull(element == null ? queue[place] : element);
    }
}
