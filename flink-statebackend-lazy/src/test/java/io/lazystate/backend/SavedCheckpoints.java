package io.lazystate.backend;

import io.lazystate.backend.Coverage.Event;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SnapshotType;

/** The checkpoints and savepoints of all jobs of a history that can still be restored. */
final class SavedCheckpoints {
    /**
     * A completed checkpoint.
     *
     * @param pointer to its metadata
     * @param model what it holds
     * @param proves where a history came, if this is restored correctly
     */
    record Saved(String pointer, long id, SnapshotType type, StateModel model, Set<Event> proves) {}

    private final Map<String, Saved> byPointer = new TreeMap<>();

    /** Checkpoints of jobs that ended and left their files. */
    private final Set<String> ofEndedJobs = new HashSet<>();

    void add(Saved checkpoint) {
        byPointer.put(checkpoint.pointer(), checkpoint);
    }

    /** What can be restored while this JobManager is in charge. */
    List<Saved> restorable(TestJobManager jobManager) {
        Set<String> pointers = new TreeSet<>(ofEndedJobs);
        jobManager.retained().forEach(c -> pointers.add(c.getExternalPointer()));
        byPointer
                .values()
                .removeIf(s -> !s.type().isSavepoint() && !pointers.contains(s.pointer()));
        return new ArrayList<>(byPointer.values());
    }

    /** The one that a failed job goes on from; null if there is none. */
    Saved latest(TestJobManager jobManager) {
        List<CompletedCheckpoint> retained = jobManager.retained();
        return retained.isEmpty()
                ? null
                : byPointer.get(retained.get(retained.size() - 1).getExternalPointer());
    }

    /** The job ended, and its files stay. */
    void jobEnded(TestJobManager jobManager) {
        jobManager.retained().forEach(c -> ofEndedJobs.add(c.getExternalPointer()));
    }

    /** A job takes a checkpoint over; what may share files with it cannot be restored any more. */
    void claimed(Saved checkpoint) {
        ofEndedJobs.clear();
        byPointer.values().removeIf(saved -> !saved.type().isSavepoint() || saved == checkpoint);
        add(
                new Saved(
                        checkpoint.pointer(),
                        checkpoint.id(),
                        CheckpointType.CHECKPOINT,
                        checkpoint.model(),
                        checkpoint.proves()));
    }

    /** The files of all jobs but this one were deleted. */
    void othersDeleted(String job) {
        byPointer.keySet().removeIf(pointer -> !pointer.contains(job));
        ofEndedJobs.clear();
    }
}
