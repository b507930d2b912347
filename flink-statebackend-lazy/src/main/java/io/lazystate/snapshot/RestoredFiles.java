package io.lazystate.snapshot;

import io.lazystate.store.StoredObject;
import java.util.HashSet;
import java.util.Set;

/**
 * Whether the files that a job was restored from are its own.
 *
 * <p>They are not in restore mode NO_CLAIM. Flink then asks for full checkpoints until one is
 * complete, and from then on its JobManager knows none of the restored files. A task is not told
 * the mode; a user may ask for a full checkpoint too. So if the first attempt is a full one, the
 * restored files are foreign: no handle ever refers to one, and all attempts are full until one is
 * adopted, asked for or not, since Flink's next request can overtake the news of the full one. Only
 * if none can have completed, an ordinary request shows that they are the job's own.
 *
 * <p>Threads: one at a time.
 */
final class RestoredFiles {
    private final Set<StoredObject> foreign = new HashSet<>();
    private boolean doubtful;
    private boolean anyAsked;
    private boolean anyCompleted;

    /**
     * Flink asks for a checkpoint whose manifest needs no earlier file.
     *
     * @param inUse files of earlier checkpoints that the task needs at this time
     */
    void askedForFull(Set<StoredObject> inUse) {
        if (!anyAsked) {
            foreign.addAll(inUse);
            doubtful = !inUse.isEmpty();
        }
        anyAsked = true;
    }

    /** Flink asks for an ordinary checkpoint, and no earlier attempt is left that may complete. */
    void askedForOrdinary() {
        if (doubtful && !anyCompleted) {
            foreign.clear();
            doubtful = false;
        }
        anyAsked = true;
    }

    /** Whether what checkpoints build on may be another job's. */
    boolean areDoubtful() {
        return doubtful;
    }

    /** Takes out what no handle may refer to. */
    void removeForeign(Set<StoredObject> files) {
        files.removeAll(foreign);
    }

    /** A checkpoint is known to have completed. */
    void completed() {
        anyCompleted = true;
    }

    /** Checkpoints build on one of this execution from now on. */
    void replaced() {
        doubtful = false;
    }
}
