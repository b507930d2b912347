package io.lazystate.snapshot;

import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.Checkpoints;
import io.lazystate.paging.SnapshotView;
import io.lazystate.paging.StateView;
import io.lazystate.store.StoredObject;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decides which completed checkpoint the next one builds on (I11).
 *
 * <p>The JobManager deletes what no checkpoint refers to before the task hears of it. So a
 * completed checkpoint is adopted only if no later attempt was started: such an attempt did not
 * refer to its files, and once it completes they are gone. What was adopted last stays the base
 * until then, and every attempt refers to its files.
 *
 * <p>What was restored need not be the job's own (restore mode NO_CLAIM). Flink then asks for full
 * checkpoints until one is complete, and from then on its JobManager knows none of the restored
 * files. So all attempts are full until one is adopted, asked for or not, since Flink's next
 * request can overtake the news of the full one; and none ever refers to a restored file. Threads:
 * any.
 */
final class CheckpointHistory {
    private static final class Attempt {
        private final SnapshotView view;
        private @Nullable Map<StateView, StateLayout> layouts;

        Attempt(SnapshotView view) {
            this.view = view;
        }
    }

    private final NavigableMap<Long, Attempt> attempts = new TreeMap<>();

    /** Restored files that are not the job's own, as long as they are in use. */
    private final Set<StoredObject> foreign = new HashSet<>();

    private boolean foreignBase;
    private boolean anyStarted;
    private boolean anyAdopted;

    /**
     * An attempt that later ones may build on was captured.
     *
     * @param full whether Flink asks for one that refers to no earlier file
     * @param inUse files of earlier checkpoints that are needed at the time of the capture
     * @return those of them that the attempt is to refer to; null if it must not refer to any file
     */
    synchronized @Nullable Set<StoredObject> started(
            long checkpointId, SnapshotView view, boolean full, Set<StoredObject> inUse) {
        attempts.put(checkpointId, new Attempt(view));
        if (full && !anyStarted) {
            foreign.addAll(inUse);
            foreignBase = true;
        }
        anyStarted = true;
        foreign.retainAll(inUse);
        if (full || foreignBase) {
            return null;
        }
        Set<StoredObject> own = new LinkedHashSet<>(inUse);
        own.removeAll(foreign);
        return own;
    }

    /** Whether checkpoints build on one of this execution, not on what was restored. */
    synchronized boolean anyAdopted() {
        return anyAdopted;
    }

    /** The attempt's files are written. */
    synchronized void written(long checkpointId, Map<StateView, StateLayout> layouts) {
        Attempt attempt = attempts.get(checkpointId);
        if (attempt != null) {
            attempt.layouts = layouts;
        }
    }

    /** Whether the attempt has neither ended nor been overtaken by a later one that completed. */
    synchronized boolean isPending(long checkpointId) {
        return attempts.containsKey(checkpointId);
    }

    /** The attempt will not complete. */
    synchronized void aborted(long checkpointId) {
        attempts.remove(checkpointId);
    }

    /** The checkpoint completed; the task thread says so, late or out of order if it must be. */
    synchronized void completed(long checkpointId, Checkpoints checkpoints) {
        Attempt attempt = attempts.get(checkpointId);
        if (attempt == null) {
            return; // a savepoint, or one that a later completed checkpoint has left behind
        }
        boolean newest = attempts.lastKey() == checkpointId;
        Map<StateView, StateLayout> layouts = attempt.layouts;
        attempts.headMap(checkpointId, true).clear();
        if (newest && layouts != null) {
            checkpoints.adopt(attempt.view, layouts);
            foreignBase = false;
            anyAdopted = true;
        }
    }
}
