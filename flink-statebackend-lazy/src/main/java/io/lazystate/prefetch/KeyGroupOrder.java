package io.lazystate.prefetch;

import java.lang.reflect.Field;
import java.util.Arrays;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.heap.HeapPriorityQueueElement;
import org.apache.flink.runtime.state.heap.KeyGroupPartitionedPriorityQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which key group Flink's queue of timers in RocksDB turns to next: it keeps its key groups in a
 * heap, and among key groups with timers of the same time, their places in it decide.
 *
 * <p>The places are not public (Flink 2.3) and are read by reflection, as in {@code
 * FlinkInternals}. Where that fails, the order is that of the key groups, and predictions are
 * worse.
 */
final class KeyGroupOrder {
    private static final Logger LOG = LoggerFactory.getLogger(KeyGroupOrder.class);

    private final int keyGroups;
    private final HeapPriorityQueueElement @Nullable [] queues;

    private KeyGroupOrder(int keyGroups, HeapPriorityQueueElement @Nullable [] queues) {
        this.keyGroups = keyGroups;
        this.queues = queues;
    }

    static KeyGroupOrder of(KeyGroupedInternalPriorityQueue<?> queue, int keyGroups) {
        try {
            Field field =
                    KeyGroupPartitionedPriorityQueue.class.getDeclaredField("keyGroupedHeaps");
            field.setAccessible(true);
            Object[] all = (Object[]) field.get(queue);
            if (all.length == keyGroups) {
                return new KeyGroupOrder(
                        keyGroups,
                        Arrays.copyOf(all, all.length, HeapPriorityQueueElement[].class));
            }
        } catch (ReflectiveOperationException | RuntimeException e) {
            LOG.warn("This Flink's timer queues are unknown; timers are predicted less well", e);
        }
        return new KeyGroupOrder(keyGroups, null);
    }

    boolean isKnown() {
        return queues != null;
    }

    /**
     * The key groups, counted from the first one of the subtask, by their places in the heap: the
     * children of the one at place {@code i} are at {@code 2i} and {@code 2i+1}, from 1 on.
     */
    int[] places() {
        int[] places = new int[keyGroups + 1];
        for (int i = 0; i < keyGroups; i++) {
            places[queues == null ? i + 1 : queues[i].getInternalIndex()] = i;
        }
        return places;
    }
}
