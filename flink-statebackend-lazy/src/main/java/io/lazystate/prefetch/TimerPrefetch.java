package io.lazystate.prefetch;

import io.lazystate.metrics.LoadingMetrics;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.streaming.api.operators.TimerSerializer;

/**
 * Fetches the rows that timers will read before they fire, for all timer queues of one keyed
 * backend.
 *
 * <p>Threads: the task thread. Source: docs/design/0008-prefetch.md.
 */
@Internal
public final class TimerPrefetch<K> {
    /** What Flink's timer services call their queues of processing time. */
    private static final String PROCESSING_TIME = "_timer_state/processing_";

    private final RowsOfTimers<K> rows;
    private final KeyGroupRange keyGroups;
    private final int keyGroupPrefixBytes;
    private final PrefetchSettings settings;
    private final LongSupplier clock;
    private final LoadingMetrics metrics;
    private final Map<String, ObservedQueue<?, ?>> queues = new LinkedHashMap<>();

    /**
     * @param clock of processing time, in milliseconds
     */
    public TimerPrefetch(
            RowsOfTimers<K> rows,
            KeyGroupRange keyGroups,
            int keyGroupPrefixBytes,
            PrefetchSettings settings,
            LongSupplier clock,
            LoadingMetrics metrics) {
        this.rows = rows;
        this.keyGroups = keyGroups;
        this.keyGroupPrefixBytes = keyGroupPrefixBytes;
        this.settings = settings;
        this.clock = clock;
        this.metrics = metrics;
    }

    /**
     * Follows a queue ahead from now on, if it is one of timers.
     *
     * @param name of the queue's state
     * @param serializer of its elements
     * @param queue as Flink made it: on the heap by {@link HeapTimerQueueFactory}, or in RocksDB
     * @return the queue to use in its place
     */
    public <T> KeyGroupedInternalPriorityQueue<T> observe(
            String name, TypeSerializer<T> serializer, KeyGroupedInternalPriorityQueue<T> queue) {
        if (!settings.enabled() || !(serializer instanceof TimerSerializer<?, ?> timers)) {
            return queue;
        }
        @SuppressWarnings("unchecked") // the serializer tells the element, the backend the key
        KeyGroupedInternalPriorityQueue<T> observed =
                (KeyGroupedInternalPriorityQueue<T>)
                        observed(
                                name,
                                (TimerSerializer<K, Object>) timers.duplicate(),
                                (KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<K, Object>>)
                                        queue);
        return observed;
    }

    private <N> ObservedQueue<K, N> observed(
            String name,
            TimerSerializer<K, N> serializer,
            KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<K, N>> queue) {
        UpcomingTimers<TimerHeapInternalTimer<K, N>> upcoming;
        if (queue instanceof HeapTimerQueue<TimerHeapInternalTimer<K, N>> heap) {
            upcoming = new HeapTimers<>(heap);
        } else {
            upcoming =
                    new StoredTimers<>(
                            new StoredTimers.Place(
                                    name,
                                    rows.ahead(),
                                    keyGroups,
                                    keyGroupPrefixBytes,
                                    rows.numberOfKeyGroups()),
                            serializer,
                            KeyGroupOrder.of(queue, keyGroups.getNumberOfKeyGroups()),
                            settings.lookaheadMillis());
        }
        TimerLookahead<K, N> lookahead =
                new TimerLookahead<>(
                        name,
                        upcoming,
                        rows,
                        serializer.getNamespaceSerializer(),
                        settings,
                        name.startsWith(PROCESSING_TIME) ? clock : null,
                        metrics);
        ObservedQueue<K, N> observed = new ObservedQueue<>(queue, lookahead);
        queues.put(name, observed);
        observed.lookNow();
        return observed;
    }

    /** The operator has registered a state: it is about to run. */
    public void stateRegistered() {
        if (settings.enabled() && rows.ahead().anyCold()) {
            queues.values().forEach(ObservedQueue::lookNow);
        }
    }
}
