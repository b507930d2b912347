package io.lazystate.snapshot;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Reminder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The states of one checkpoint of which older runs stay as they are, since something could not be
 * read. Threads: one; the reminder is of all checkpoints of a backend.
 */
final class SkippedRewrites {
    private static final Logger LOG = LoggerFactory.getLogger(SkippedRewrites.class);

    private final long checkpointId;
    private final Reminder reminder;
    private @Nullable LazyStateException first;
    private @Nullable String firstState;
    private int states;

    SkippedRewrites(long checkpointId, Reminder reminder) {
        this.checkpointId = checkpointId;
        this.reminder = reminder;
    }

    /** Older runs of a state could not be read. */
    void add(String state, LazyStateException e) {
        if (first == null) {
            first = e;
            firstState = state;
        }
        states++;
    }

    /** Logs one line, if there is something to tell. */
    void log() {
        LazyStateException e = first;
        if (e == null) {
            return;
        }
        String line =
                String.format(
                        "Checkpoint %d is written without rewriting older runs (states: %d, first:"
                                + " '%s'): %s",
                        checkpointId, states, firstState, e.getMessage());
        if (reminder.isDue(e.where().object())) {
            LOG.warn(line);
        } else {
            LOG.debug(line);
        }
    }
}
