package io.lazystate.prefetch;

import java.util.List;

/**
 * Tells which timers of one queue fire next, without taking them out.
 *
 * <p>Threads: the task thread, between its calls of the queue.
 */
interface UpcomingTimers<T> {
    /**
     * The next timers in the order in which they will fire, as far as it is known. Never waits.
     *
     * @param base timestamp of the first
     * @param horizon up to which timers are wanted
     * @param most timers
     */
    List<T> upcoming(long base, long horizon, int most);

    /** The first timer has left the queue, to be fired. */
    void fired(T timer);

    /** The queue was used in some way. */
    void used();
}
