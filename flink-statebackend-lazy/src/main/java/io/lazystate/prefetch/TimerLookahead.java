package io.lazystate.prefetch;

import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.RowsAhead;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.LongSupplier;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows one queue of timers ahead, and has the rows fetched that they will read.
 *
 * <p>Threads: the task thread, inside of its calls of the queue. Cost: a look at overlay, filters
 * and page cache for each timer and cold state; a decrement for each call otherwise. Bounds: {@link
 * Reach} timers ahead, {@link #TIMERS_A_STEP} of them a step. Errors: whatever goes wrong is logged
 * once and ends it; the task goes on.
 */
final class TimerLookahead<K, N> {
    private static final Logger LOG = LoggerFactory.getLogger(TimerLookahead.class);

    private static final int TIMERS_A_STEP = 64;

    /** Timers that are found anew for each call of the queue. */
    private static final int FOUND_A_CALL = 8;

    /** Calls of the queue between two looks at it. */
    private static final int FEWEST_CALLS = 8;

    /** Calls of the queue after which it is looked again whether anything is cold. */
    private static final int CALLS_WHILE_RESIDENT = 64;

    private final String queue;
    private final UpcomingTimers<TimerHeapInternalTimer<K, N>> upcoming;
    private final RowsOfTimers<K> rows;
    private final TypeSerializer<N> namespaces;
    private final long lookaheadMillis;
    private final @Nullable LongSupplier clock;
    private final LoadingMetrics metrics;
    private final Reach reach;

    /** Timers whose rows were wanted, and that have not fired yet, the earliest first. */
    private final Set<TimerHeapInternalTimer<K, N>> ahead = new LinkedHashSet<>();

    /** Those that were found and not wanted yet. */
    private final ArrayDeque<TimerHeapInternalTimer<K, N>> found = new ArrayDeque<>();

    private long calls;
    private long callsToWaitFor;
    private int callsToSkip;
    private boolean failed;
    private boolean firing;
    private long faultsBefore;

    /**
     * @param queue its name, for the log
     * @param namespaces of this object's own
     * @param clock of processing time; null for event time
     */
    TimerLookahead(
            String queue,
            UpcomingTimers<TimerHeapInternalTimer<K, N>> upcoming,
            RowsOfTimers<K> rows,
            TypeSerializer<N> namespaces,
            PrefetchSettings settings,
            @Nullable LongSupplier clock,
            LoadingMetrics metrics) {
        this.queue = queue;
        this.upcoming = upcoming;
        this.rows = rows;
        this.namespaces = namespaces;
        this.lookaheadMillis = settings.lookaheadMillis();
        this.clock = clock;
        this.metrics = metrics;
        this.reach = new Reach(settings.maxTimers());
    }

    /** A timer has left the queue and will read its rows now. */
    void fired(TimerHeapInternalTimer<K, N> timer) {
        if (isOff()) {
            return;
        }
        noteWaits();
        firing = true;
        faultsBefore = metrics.faults().sum();
        upcoming.fired(timer);
        used();
        if (!ahead.remove(timer) && timer.equals(found.peek())) {
            found.remove();
        }
        // Those that were told out of order, or are no longer there, must not take the place.
        Iterator<TimerHeapInternalTimer<K, N>> oldest = ahead.iterator();
        while (oldest.hasNext() && oldest.next().getTimestamp() < timer.getTimestamp()) {
            oldest.remove();
        }
    }

    void removed(TimerHeapInternalTimer<K, N> timer) {
        used();
        if (!ahead.isEmpty()) {
            ahead.remove(timer);
        }
    }

    void used() {
        calls++;
        upcoming.used();
    }

    /** The head of the queue was asked for: a small step. */
    void step(@Nullable TimerHeapInternalTimer<K, N> head) {
        if (head == null || isOff()) {
            return;
        }
        noteWaits();
        used();
        if (ahead.size() * 2 <= reach.timers() && (!found.isEmpty() || calls >= callsToWaitFor)) {
            look(head, TIMERS_A_STEP);
        }
    }

    /** Looks as far as may be, whenever it was looked before. */
    void lookNow(@Nullable TimerHeapInternalTimer<K, N> head) {
        callsToSkip = 0;
        found.clear();
        if (head != null && !isOff()) {
            look(head, Integer.MAX_VALUE);
        }
    }

    private boolean isOff() {
        if (callsToSkip > 0) {
            callsToSkip--;
            return true;
        }
        if (failed || !rows.ahead().anyCold()) {
            callsToSkip = CALLS_WHILE_RESIDENT;
            ahead.clear();
            found.clear();
            return true;
        }
        return false;
    }

    private void noteWaits() {
        if (firing) {
            firing = false;
            if (metrics.faults().sum() > faultsBefore) {
                reach.waited();
            }
        }
    }

    private void look(TimerHeapInternalTimer<K, N> head, int most) {
        try {
            reach.adapt(metrics.aheadUsed().sum(), metrics.aheadUnused().sum());
            long base = head.getTimestamp();
            long from = clock == null ? base : clock.getAsLong();
            follow(base, StoredTimers.later(from, lookaheadMillis), most);
        } catch (IOException | RuntimeException e) {
            failed = true;
            LOG.warn(
                    "The rows that timers of {} will read are not fetched ahead any more; they are"
                            + " read when they are used",
                    queue,
                    e);
        }
    }

    private void follow(long base, long horizon, int most) throws IOException {
        if (found.isEmpty()) {
            found.addAll(upcoming.upcoming(base, horizon, reach.timers()));
            callsToWaitFor = calls + Math.max(FEWEST_CALLS, found.size() / FOUND_A_CALL);
        }
        RowsAhead pages = rows.ahead();
        rows.begin();
        int predicted = 0;
        TimerHeapInternalTimer<K, N> next;
        while (predicted < most
                && ahead.size() < reach.timers()
                && pages.hasRoom()
                && (next = found.poll()) != null) {
            if (ahead.add(next)) {
                rows.want(next, namespaces);
                predicted++;
            }
        }
        if (ahead.size() >= reach.timers()) {
            found.clear(); // until there is place again, some of them will have fired
        }
        pages.fetch();
        metrics.timersPredicted().add(predicted);
    }
}
