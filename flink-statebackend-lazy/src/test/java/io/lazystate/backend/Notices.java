package io.lazystate.backend;

import io.lazystate.backend.Coverage.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Messages of the JobManager that have not arrived: mostly the oldest arrives next, at times a
 * newer one, and some never do.
 */
final class Notices {
    /** What became of a checkpoint, for one subtask. */
    record Notice(FuzzSubtask subtask, long id, boolean completed, long sentAt) {}

    /** Steps after which a message counts as late. */
    private static final int LATE_STEPS = 10;

    private final List<Notice> onTheirWay = new ArrayList<>();
    private final Random random;
    private final Coverage coverage;
    private final StepLog log;

    Notices(Random random, Coverage coverage, StepLog log) {
        this.random = random;
        this.coverage = coverage;
        this.log = log;
    }

    void send(List<FuzzSubtask> subtasks, long id, boolean completed) {
        for (FuzzSubtask subtask : subtasks) {
            onTheirWay.add(new Notice(subtask, id, completed, log.steps()));
        }
    }

    boolean isEmpty() {
        return onTheirWay.isEmpty();
    }

    /** Whether the subtask does not know yet that a checkpoint is complete. */
    boolean anyCompleted(FuzzSubtask subtask) {
        return onTheirWay.stream().anyMatch(n -> n.subtask() == subtask && n.completed());
    }

    /** Whether the subtask does not know yet that one of these is complete. */
    boolean anyCompleted(FuzzSubtask subtask, Set<Long> ids) {
        return onTheirWay.stream()
                .anyMatch(n -> n.subtask() == subtask && n.completed() && ids.contains(n.id()));
    }

    /** What is on its way about a checkpoint is told otherwise. */
    void forget(long id) {
        onTheirWay.removeIf(notice -> notice.id() == id);
    }

    /** The next one to arrive; null if one was lost. */
    Notice next() {
        int which = random.nextInt(4) == 0 ? random.nextInt(onTheirWay.size()) : 0;
        Notice notice = onTheirWay.remove(which);
        if (random.nextInt(20) == 0) {
            log.note("lose what became of " + notice.id());
            return null;
        }
        coverage.hitIf(log.steps() - notice.sentAt() > LATE_STEPS, Event.LATE_NOTIFICATION);
        log.note((notice.completed() ? "notify complete " : "notify aborted ") + notice.id());
        return notice;
    }
}
