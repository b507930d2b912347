package io.lazystate.backend;

import io.lazystate.backend.Attempt.Part;
import io.lazystate.backend.Attempt.Phase;
import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.backend.Notices.Notice;
import io.lazystate.backend.SavedCheckpoints.Saved;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointProperties;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StateUtil;

/**
 * The running subtasks of a job, and the checkpoints under way between them and the JobManager: any
 * number at a time, each subtask at its own pace, messages late or out of order.
 */
final class FuzzJob {
    final TestJobManager jobManager;
    final List<FuzzSubtask> subtasks;
    private final List<Attempt> attempts = new ArrayList<>();
    private final Notices notices;
    private final FuzzWaits waits = new FuzzWaits();

    /** Those that know, by an ordinary checkpoint, that what they were restored from is theirs. */
    private final Set<FuzzSubtask> knowTheirOwn = new HashSet<>();

    private final FaultPlan trouble;
    private final ExecutorService threads;
    private final Random random;
    private final Coverage coverage;
    private final StepLog log;
    private final Set<Long> fullInBetween = new HashSet<>();
    private long nextId;
    private boolean full;
    private boolean aborted;
    private boolean leaks;

    /**
     * @param nextId of the next checkpoint
     * @param full whether the next checkpoints must be self-contained, until one completes
     * @param trouble at the store that the subtasks read
     * @param threads for asynchronous parts
     */
    FuzzJob(
            TestJobManager jobManager,
            List<FuzzSubtask> subtasks,
            long nextId,
            boolean full,
            FaultPlan trouble,
            ExecutorService threads,
            Random random,
            Coverage coverage,
            StepLog log) {
        this.jobManager = jobManager;
        this.subtasks = subtasks;
        this.nextId = nextId;
        this.full = full;
        this.trouble = trouble;
        this.threads = threads;
        this.random = random;
        this.coverage = coverage;
        this.log = log;
        this.notices = new Notices(random, coverage, log);
    }

    long nextId() {
        return nextId;
    }

    /** Whether checkpoints still have to be self-contained. */
    boolean full() {
        return full;
    }

    /** Whether files may stay behind that Flink forgets as well. */
    boolean leaks() {
        return leaks;
    }

    /** What goes wrong at the store that the subtasks read. */
    FaultPlan trouble() {
        return trouble;
    }

    int underWay() {
        return attempts.size();
    }

    /** Begins with an ordinary checkpoint, or, at times, with a full one if that is allowed. */
    Attempt triggerCheckpoint() throws IOException {
        boolean asked = random.nextInt(5) == 0 && knowTheirOwn.containsAll(subtasks);
        return trigger(asked ? CheckpointType.FULL_CHECKPOINT : CheckpointType.CHECKPOINT);
    }

    /**
     * Somebody asks for a full checkpoint behind a restore, and it fails, of which all subtasks
     * hear at once. (That it completes is a case of docs/design/0002, "Known limits".)
     */
    void failFull() throws Exception {
        if (full || !attempts.isEmpty()) {
            return;
        }
        Attempt attempt = trigger(CheckpointType.FULL_CHECKPOINT);
        coverage.hitIf(knowTheirOwn.isEmpty(), Event.FULL_CHECKPOINT_FIRST_AND_ABORTED);
        for (int i = 2 * subtasks.size(); i > 0 && !attempt.isOver(); i--) {
            Part part = attempt.parts.get(random.nextInt(subtasks.size()));
            if (part.phase == Phase.WAITING) {
                trigger(attempt, part);
            } else if (part.phase == Phase.TRIGGERED) {
                write(attempt, part);
            }
        }
        if (jobManager.isPending(attempt.id)) {
            jobManager.abort(attempt.id);
        }
        notices.forget(attempt.id);
        for (FuzzSubtask subtask : subtasks) {
            tellAborted(subtask, attempt.id);
        }
        attempts.remove(attempt);
    }

    Attempt trigger(SnapshotType wanted) throws IOException {
        SnapshotType type = full && !wanted.isSavepoint() ? CheckpointType.FULL_CHECKPOINT : wanted;
        CheckpointProperties props =
                type instanceof SavepointType savepoint
                        ? CheckpointProperties.forSavepoint(false, savepoint.getFormatType())
                        : TestJobManager.CHECKPOINT;
        Attempt attempt = new Attempt(nextId++, type, subtasks);
        jobManager.trigger(attempt.id, subtasks.size(), props);
        attempts.add(attempt);
        coverage.hitIf(jobManager.pending().size() > 1, Event.CHECKPOINTS_AT_ONCE);
        return attempt;
    }

    /**
     * Goes one step on with some checkpoint under way.
     *
     * @return the checkpoint if this completed it; else null
     */
    Saved advance() throws Exception {
        if (attempts.isEmpty()) {
            return null;
        }
        return advance(attempts.get(random.nextInt(attempts.size())));
    }

    /** Goes on with a checkpoint until it is over. */
    Saved finish(Attempt attempt) throws Exception {
        Saved saved = null;
        while (!attempt.isOver()) {
            Saved now = advance(attempt);
            saved = now == null ? saved : now;
        }
        return saved;
    }

    private Saved advance(Attempt attempt) throws Exception {
        List<Part> open = new ArrayList<>(attempt.parts);
        open.removeIf(part -> part.phase == Phase.DONE);
        Part part = open.get(random.nextInt(open.size()));
        Saved saved = null;
        switch (part.phase) {
            case WAITING -> {
                Attempt first = firstWaiting(part.subtask);
                trigger(first, first.parts.get(part.index));
            }
            case TRIGGERED -> write(attempt, part);
            case RUNNING -> {
                if (FuzzWaits.isWaiting(part) && random.nextInt(6) > 0) {
                    deliver();
                } else {
                    FuzzWaits.end(part);
                    written(attempt, part);
                }
            }
            default -> saved = acknowledge(attempt, part);
        }
        attempts.removeIf(Attempt::isOver);
        return saved;
    }

    /** Barriers do not overtake each other. */
    private Attempt firstWaiting(FuzzSubtask subtask) {
        return attempts.stream()
                .filter(a -> a.parts.stream().anyMatch(p -> isWaiting(p, subtask)))
                .min(Comparator.comparingLong(a -> a.id))
                .orElseThrow();
    }

    private static boolean isWaiting(Part part, FuzzSubtask subtask) {
        return part.subtask == subtask && part.phase == Phase.WAITING;
    }

    private void trigger(Attempt attempt, Part part) throws Exception {
        log.note(attempt + ": trigger subtask " + part.index);
        coverage.hitIf(notices.anyCompleted(part.subtask), Event.OVERTAKEN_NOTIFICATION);
        coverage.hitIf(
                notices.anyCompleted(part.subtask, fullInBetween), Event.FULL_CHECKPOINT_OVERTAKEN);
        if (attempt.type == CheckpointType.CHECKPOINT) {
            knowTheirOwn.add(part.subtask);
        }
        part.subtask.task.waitWith(waits);
        part.model = part.subtask.model.copy();
        part.linkedBefore = part.linked();
        part.phase = Phase.TRIGGERED;
        part.plan = plan(attempt.type);
        part.plan.onCancel(() -> part.future.cancel(true));
        boolean copies = random.nextInt(10) == 0;
        coverage.hitIf(copies && !attempt.isFull(), Event.STORAGE_WANTS_COPIES);
        part.future =
                part.subtask.task.trigger(
                        attempt.id,
                        CheckpointOptions.alignedNoTimeout(
                                attempt.type, CheckpointStorageLocationReference.getDefault()),
                        streams ->
                                new FaultyStreams(
                                        copies ? new CopyingStreams(streams) : streams, part.plan));
    }

    /** Seldom something goes wrong, at one of the first steps. */
    private FaultPlan plan(SnapshotType type) {
        if (random.nextInt(8) > 0) {
            return new FaultPlan(-1, null, null);
        }
        boolean canonical =
                type instanceof SavepointType savepoint
                        && savepoint.getFormatType() == SavepointFormatType.CANONICAL;
        // Canonical ones are written by Flink, which forgets files when it fails further on.
        int step = canonical ? 0 : random.nextInt(12);
        List<Fault> faults =
                canonical
                        ? List.of(Fault.FAILS, Fault.CANCELLED)
                        : List.of(
                                Fault.FAILS,
                                Fault.FAILS_HALFWAY,
                                Fault.FAILS_BEHIND,
                                Fault.CANCELLED,
                                Fault.CANCELLED_BEHIND);
        return new FaultPlan(step, faults.get(random.nextInt(faults.size())), null);
    }

    private void write(Attempt attempt, Part part) throws Exception {
        if (random.nextInt(attempts.size() > 1 ? 2 : 4) == 0) {
            log.note(attempt + ": write subtask " + part.index + " in another thread");
            part.running = waits.run(part, threads);
            part.phase = Phase.RUNNING;
        } else {
            log.note(attempt + ": write subtask " + part.index);
            part.future.run();
            Thread.interrupted(); // a mishap may have cancelled, and so interrupted, this thread
            written(attempt, part);
        }
    }

    private void written(Attempt attempt, Part part) throws Exception {
        coverage.hitIf(part.waited, Event.WAITED_FOR_NEWS);
        try {
            part.future.get();
            part.linkedMeanwhile = part.linked() > part.linkedBefore;
            part.phase = Phase.WRITTEN;
        } catch (CancellationException e) {
            coverage.hitIf(part.plan.fired(), Event.CANCELLED_DURING);
            part.phase = Phase.DONE;
            log.note(attempt + ": cancelled");
            decline(attempt);
        } catch (ExecutionException e) {
            if (!part.plan.explains(e) && !trouble.explains(e)) {
                throw e;
            }
            coverage.hit(Event.FAILED_WRITE);
            part.phase = Phase.DONE;
            log.note(attempt + ": declined");
            decline(attempt);
        }
    }

    private void decline(Attempt attempt) throws Exception {
        if (jobManager.isPending(attempt.id)) {
            abort(attempt);
        }
    }

    private Saved acknowledge(Attempt attempt, Part part) throws Exception {
        log.note(attempt + ": acknowledge subtask " + part.index);
        part.phase = Phase.DONE;
        KeyedStateHandle handle = part.future.get().getJobManagerOwnedSnapshot();
        if (!jobManager.isPending(attempt.id)) {
            acknowledgeLate(attempt, part, handle);
            return null;
        }
        Set<Long> before = jobManager.pending();
        CompletedCheckpoint completed = jobManager.acknowledge(attempt.id, part.index, handle);
        if (completed == null) {
            return null;
        }
        before.removeAll(jobManager.pending());
        before.remove(attempt.id);
        before.forEach(id -> notices.send(subtasks, id, false));
        return completed(attempt, completed.getExternalPointer());
    }

    private void acknowledgeLate(Attempt attempt, Part part, KeyedStateHandle handle)
            throws Exception {
        coverage.hit(Event.LATE_ACKNOWLEDGEMENT);
        try {
            jobManager.acknowledge(attempt.id, part.index, handle);
        } catch (IllegalStateException e) {
            log.note(attempt + ": refers to files that are gone meanwhile");
            leaks = true; // Flink logs it, and forgets the handle
        }
    }

    private Saved completed(Attempt attempt, String pointer) {
        log.note(attempt + ": completed");
        Set<Event> proves = EnumSet.noneOf(Event.class);
        if (!attempt.type.isSavepoint()) {
            notices.send(subtasks, attempt.id, true);
            if (full) {
                proves.add(Event.FULL_CHECKPOINT_AFTER_NO_CLAIM);
            } else if (attempt.isFull()) {
                proves.add(Event.FULL_CHECKPOINT_IN_BETWEEN);
                fullInBetween.add(attempt.id);
            }
            if (aborted) {
                proves.add(Event.ABORT_THEN_COMPLETE);
            }
            full = false;
        }
        StateModel model = new StateModel(attempt.parts.get(0).model.maxParallelism());
        for (Part part : attempt.parts) {
            model.addAll(part.model);
            if (part.subtask.leavesOut()) {
                proves.add(Event.STATE_LEFT_UNREGISTERED);
            }
            if (part.linkedMeanwhile) {
                proves.add(Event.LINKING_DURING_SNAPSHOT);
            }
        }
        return new Saved(pointer, attempt.id, attempt.type, model, proves);
    }

    /** The JobManager gives some checkpoint up. */
    void abortSome() throws Exception {
        List<Attempt> pending = new ArrayList<>(attempts);
        pending.removeIf(attempt -> !jobManager.isPending(attempt.id));
        if (!pending.isEmpty()) {
            abort(pending.get(random.nextInt(pending.size())));
        }
    }

    private void abort(Attempt attempt) throws Exception {
        log.note(attempt + ": abort");
        aborted |= attempt.isTriggered() && !attempt.type.isSavepoint();
        jobManager.abort(attempt.id);
        notices.send(subtasks, attempt.id, false);
    }

    /** A message of the JobManager arrives. */
    void deliver() throws Exception {
        Notice notice = notices.isEmpty() ? null : notices.next();
        if (notice == null) {
            return;
        }
        if (notice.completed()) {
            coverage.hitIf(
                    attempts.stream().anyMatch(a -> a.isCapturedBy(notice.subtask())),
                    Event.COMPLETED_BEFORE_THE_END_OF_A_LATER_ONE);
            notice.subtask().task.backend().notifyCheckpointComplete(notice.id());
        } else {
            tellAborted(notice.subtask(), notice.id());
        }
    }

    void deliverAll() throws Exception {
        while (!notices.isEmpty()) {
            deliver();
        }
    }

    private void tellAborted(FuzzSubtask subtask, long id) throws Exception {
        for (Attempt attempt : attempts) {
            for (Part part : attempt.parts) {
                if (attempt.id == id && part.subtask == subtask) {
                    discard(part);
                }
            }
        }
        attempts.removeIf(Attempt::isOver);
        subtask.task.backend().notifyCheckpointAborted(id);
    }

    /** What a task does with a checkpoint that it shall not go on with. */
    private void discard(Part part) throws Exception {
        if (part.future != null && part.phase != Phase.DONE) {
            coverage.hitIf(part.phase == Phase.TRIGGERED, Event.CANCELLED_BEFORE);
            leaks |= part.phase == Phase.RUNNING; // Flink drops what is finished while it cancels
            StateUtil.discardStateFuture(part.future);
            if (part.running != null) {
                FuzzWaits.end(part);
            }
        }
        part.phase = Phase.DONE;
    }

    /** The job ends: what is under way is given up. */
    void stop() throws Exception {
        for (Attempt attempt : attempts) {
            for (Part part : attempt.parts) {
                discard(part);
            }
        }
        attempts.clear();
        for (long id : jobManager.pending()) {
            jobManager.abort(id);
        }
        for (FuzzSubtask subtask : subtasks) {
            subtask.close();
        }
    }
}
