package io.lazystate.backend;

import java.util.EnumMap;
import java.util.Map;

/** How often the fuzz came where it must have been. Threads: one. */
final class Coverage {
    /** A situation that a run without is worth nothing. */
    enum Event {
        REMOVAL_OVER_COLD,
        APPEND_ONTO_COLD,
        BATCH_OVER_COLD,
        ITERATION_ACROSS_EXTENTS,
        ITERATION_WHILE_OTHER_STEPS_GO_ON,
        ABORT_THEN_COMPLETE,
        LATE_NOTIFICATION,
        OVERTAKEN_NOTIFICATION,
        LATE_ACKNOWLEDGEMENT,
        CANCELLED_BEFORE,
        CANCELLED_DURING,
        FAILED_WRITE,
        CHECKPOINTS_AT_ONCE,
        LINKING_DURING_SNAPSHOT,
        RESTORE_WITH_TWO_DELTAS,
        RESTORE_OF_SEVERAL_HANDLES,
        RESTORE_OF_CLIPPED_EXTENTS,
        RESTORE_OF_OLDER,
        RESTORE_OF_NATIVE_SAVEPOINT,
        RESTORE_OF_CANONICAL_SAVEPOINT,
        RESTORE_BY_ANOTHER_JOB_MANAGER,
        FULL_CHECKPOINT_AFTER_NO_CLAIM,
        FULL_CHECKPOINT_IN_BETWEEN,
        FULL_CHECKPOINT_OVERTAKEN,
        FULL_CHECKPOINT_FIRST_AND_ABORTED,
        COMPLETED_BEFORE_THE_END_OF_A_LATER_ONE,
        WAITED_FOR_NEWS,
        STORAGE_WANTS_COPIES,
        ALL_OLDER_FILES_DELETED,
        RUNS_MERGED,
        EXTENTS_FOLDED,
        CLEAN_EXTENT_EVICTED,
        CHANGED_EXTENT_EVICTED,
        EVICTION_DURING_CHECKPOINT,
        HOT_ROWS_READ,
        EDGE_CACHE_HIT,
        FILES_INLINED,
        STATE_LEFT_UNREGISTERED,
        MIGRATION_OVER_COLD,
        FAILED_RESTORE,
        STORE_FAILED,
        COMPLETED_DURING_LINK,
        NOTHING_LEFT_BEHIND
    }

    private final Map<Event, Long> hits = new EnumMap<>(Event.class);

    void hit(Event event) {
        hits.merge(event, 1L, Long::sum);
    }

    void hitIf(boolean condition, Event event) {
        if (condition) {
            hit(event);
        }
    }

    boolean isFull() {
        return hits.size() == Event.values().length;
    }

    long of(Event event) {
        return hits.getOrDefault(event, 0L);
    }

    @Override
    public String toString() {
        return hits.toString();
    }
}
