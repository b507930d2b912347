package io.lazystate.prefetch;

import java.util.Collection;
import java.util.Set;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.util.CloseableIterator;
import org.jspecify.annotations.Nullable;

/** A queue of timers as Flink made it, whose calls move a lookahead on. Threads: the task's. */
final class ObservedQueue<K, N>
        implements KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<K, N>> {
    private final KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<K, N>> queue;
    private final TimerLookahead<K, N> lookahead;

    ObservedQueue(
            KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<K, N>> queue,
            TimerLookahead<K, N> lookahead) {
        this.queue = queue;
        this.lookahead = lookahead;
    }

    void lookNow() {
        lookahead.lookNow(queue.peek());
    }

    @Override
    public @Nullable TimerHeapInternalTimer<K, N> poll() {
        TimerHeapInternalTimer<K, N> timer = queue.poll();
        if (timer != null) {
            lookahead.fired(timer);
        }
        return timer;
    }

    @Override
    public @Nullable TimerHeapInternalTimer<K, N> peek() {
        TimerHeapInternalTimer<K, N> head = queue.peek();
        lookahead.step(head);
        return head;
    }

    @Override
    public boolean add(TimerHeapInternalTimer<K, N> timer) {
        lookahead.used();
        return queue.add(timer);
    }

    @Override
    public boolean remove(TimerHeapInternalTimer<K, N> timer) {
        lookahead.removed(timer);
        return queue.remove(timer);
    }

    @Override
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    @Override
    public int size() {
        return queue.size();
    }

    @Override
    public void addAll(@Nullable Collection<? extends TimerHeapInternalTimer<K, N>> timers) {
        lookahead.used();
        queue.addAll(timers);
    }

    @Override
    public CloseableIterator<TimerHeapInternalTimer<K, N>> iterator() {
        return queue.iterator();
    }

    @Override
    public Set<TimerHeapInternalTimer<K, N>> getSubsetForKeyGroup(int keyGroup) {
        return queue.getSubsetForKeyGroup(keyGroup);
    }
}
