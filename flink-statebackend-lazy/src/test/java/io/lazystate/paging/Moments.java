package io.lazystate.paging;

import java.util.EnumMap;
import java.util.Map;

/** How often threads met where they must have met. Threads: any. */
final class Moments {
    /** A moment that a fuzz without is worth nothing. */
    enum Moment {
        ADOPTED_DURING_LINK,
        EMPTIED_DURING_LINK,
        EVICTION_ASKED_DURING_FETCH,
        EVICTED,
        EVICTED_DURING_CHECKPOINT,
        PURGE_UNDER_SNAPSHOT,
        STATE_DROPPED_DURING_LINK,
        LINK_REFUSED,
        SECOND_FILE_REFUSED,
        LINKED_DURING_CHECKPOINT,
        SPACE_GIVEN_BACK,
        CHECKPOINTS_AT_ONCE,
        CHECKPOINT_GIVEN_UP,
        READ_BY_OTHERS_DURING_WRITE
    }

    private final Map<Moment, Long> hits = new EnumMap<>(Moment.class);

    synchronized void hitIf(boolean condition, Moment moment) {
        if (condition) {
            hits.merge(moment, 1L, Long::sum);
        }
    }

    synchronized boolean isFull() {
        return hits.size() == Moment.values().length;
    }

    synchronized long of(Moment moment) {
        return hits.getOrDefault(moment, 0L);
    }

    @Override
    public synchronized String toString() {
        return hits.toString();
    }
}
