package io.lazystate.prefetch;

import java.util.List;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;

/** The next timers of a queue on the heap: exactly those, in their order. */
final class HeapTimers<K, N> implements UpcomingTimers<TimerHeapInternalTimer<K, N>> {
    private final HeapTimerQueue<TimerHeapInternalTimer<K, N>> queue;

    HeapTimers(HeapTimerQueue<TimerHeapInternalTimer<K, N>> queue) {
        this.queue = queue;
    }

    @Override
    public List<TimerHeapInternalTimer<K, N>> upcoming(long base, long horizon, int most) {
        return queue.upcoming(most, timer -> timer.getTimestamp() <= horizon);
    }

    @Override
    public void fired(TimerHeapInternalTimer<K, N> timer) {}

    @Override
    public void used() {}
}
