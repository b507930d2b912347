package io.lazystate.prefetch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.state.KeyExtractorFunction;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.Keyed;
import org.apache.flink.runtime.state.PriorityComparable;
import org.apache.flink.runtime.state.PriorityComparator;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueElement;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueSet;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueSetFactory;

/** Makes Flink's queues on the heap in a form that {@link TimerPrefetch} can look ahead in. */
@Internal
public final class HeapTimerQueueFactory extends HeapPriorityQueueSetFactory {
    /** Initial capacity of a queue, as in Flink. */
    private static final int CAPACITY = 128;

    private final KeyGroupRange keyGroups;
    private final int numberOfKeyGroups;

    public HeapTimerQueueFactory(KeyGroupRange keyGroups, int numberOfKeyGroups) {
        super(keyGroups, numberOfKeyGroups, CAPACITY);
        this.keyGroups = keyGroups;
        this.numberOfKeyGroups = numberOfKeyGroups;
    }

    @Override
    public <T extends HeapPriorityQueueElement & PriorityComparable<? super T> & Keyed<?>>
            HeapPriorityQueueSet<T> create(String name, TypeSerializer<T> serializer) {
        return new HeapTimerQueue<>(
                PriorityComparator.forPriorityComparableObjects(),
                KeyExtractorFunction.forKeyedObjects(),
                CAPACITY,
                keyGroups,
                numberOfKeyGroups);
    }
}
