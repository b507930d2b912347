package io.lazystate.loading;

import io.lazystate.error.LazyStateException;

/** What decides about one run through a {@link HydrationQueue}. Threads: the hydrator's. */
interface HydrationRound {
    /**
     * Whether the next fetch may start.
     *
     * @param idle nothing is under way: then this waits until it may, or no ends the run
     */
    boolean mayStart(ColdExtent next, boolean idle);

    /** Waits for a fetch; no ends the run. */
    boolean awaitDone(Fetch fetch);

    void linked(ColdExtent extent);

    /** Takes notice of an extent that could not be fetched or linked, or queues it again. */
    void failed(ColdExtent extent, LazyStateException e);
}
