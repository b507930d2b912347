package io.lazystate.snapshot;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.IOException;
import java.util.function.Consumer;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.checkpoint.CheckpointException;
import org.apache.flink.runtime.checkpoint.CheckpointFailureReason;

/**
 * What follows when a checkpoint cannot be written since an object that it needs is missing or
 * damaged, and no replica has it: the task fails.
 *
 * <p>The next checkpoint would need the object too. A job whose checkpoints fail runs on until
 * Flink has had enough of them, and then fails without the cause, which only the JobManager's log
 * has. This way the object is named as the reason. A store that does not answer, or refuses, is no
 * such case. Threads: any.
 */
final class LostObjects {
    private final Consumer<Throwable> failTask;

    /**
     * @param failTask may be called in any thread; the task need not have failed when it returns
     */
    LostObjects(Consumer<Throwable> failTask) {
        this.failTask = failTask;
    }

    /**
     * Fails the task if a checkpoint's error says so.
     *
     * @param cancel closed if the checkpoint is cancelled: nobody needs the object then
     * @return the error with which the checkpoint is to fail
     */
    Exception failed(long checkpointId, LazyStateException error, CloseableRegistry cancel) {
        if (error.kind() != Kind.CORRUPT || cancel.isClosed()) {
            return error;
        }
        failTask.accept(
                new IOException(
                        "Checkpoint "
                                + checkpointId
                                + " cannot be written, nor a later one, since the store has lost"
                                + " what they need: "
                                + error.getMessage(),
                        error));
        // Of this reason Flink does not count a failed checkpoint. Else it may fail the job for the
        // checkpoint before it hears of the task.
        return new CheckpointException(
                String.valueOf(error.getMessage()), CheckpointFailureReason.TASK_FAILURE, error);
    }
}
