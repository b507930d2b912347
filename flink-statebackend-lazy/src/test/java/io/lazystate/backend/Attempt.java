package io.lazystate.backend;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;

/** One checkpoint or savepoint under way, from its trigger to the last acknowledgement. */
final class Attempt {
    /** How far a subtask is. */
    enum Phase {
        /** The barrier has not arrived. */
        WAITING,
        /** The synchronous part is done. */
        TRIGGERED,
        /** The asynchronous part runs in another thread. */
        RUNNING,
        /** The asynchronous part is done, the JobManager has not heard of it. */
        WRITTEN,
        /** Acknowledged, declined or cancelled. */
        DONE
    }

    /** One subtask's part. */
    static final class Part {
        final int index;
        final FuzzSubtask subtask;
        Phase phase = Phase.WAITING;
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future;
        Future<?> running;

        /** Done when the asynchronous part is not to wait for news any longer. */
        final CompletableFuture<Void> hurry = new CompletableFuture<>();

        /** Done when the asynchronous part in another thread has ended, or waits for news. */
        final CompletableFuture<Void> settled = new CompletableFuture<>();

        volatile boolean waited;
        StateModel model;
        FaultPlan plan;
        long linkedBefore;
        boolean linkedMeanwhile;

        Part(int index, FuzzSubtask subtask) {
            this.index = index;
            this.subtask = subtask;
        }

        long linked() {
            return subtask.task.metrics().extentsLinked().sum();
        }
    }

    final long id;
    final SnapshotType type;
    final List<Part> parts = new ArrayList<>();

    Attempt(long id, SnapshotType type, List<FuzzSubtask> subtasks) {
        this.id = id;
        this.type = type;
        for (FuzzSubtask subtask : subtasks) {
            parts.add(new Part(parts.size(), subtask));
        }
    }

    boolean isOver() {
        return parts.stream().allMatch(part -> part.phase == Phase.DONE);
    }

    /** Whether a subtask has captured it, and has not ended its asynchronous part. */
    boolean isCapturedBy(FuzzSubtask subtask) {
        return parts.stream()
                .anyMatch(
                        part ->
                                part.subtask == subtask
                                        && (part.phase == Phase.TRIGGERED
                                                || part.phase == Phase.RUNNING));
    }

    boolean isFull() {
        return type == CheckpointType.FULL_CHECKPOINT;
    }

    boolean isTriggered() {
        return parts.stream().anyMatch(part -> part.phase != Phase.WAITING);
    }

    @Override
    public String toString() {
        return type.getName() + " " + id;
    }
}
