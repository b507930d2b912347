package io.lazystate.snapshot;

import java.io.IOException;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.util.IOUtils;
import org.jspecify.annotations.Nullable;

/**
 * Clean-up behind a checkpoint that failed, perhaps because it was cancelled.
 *
 * <p>A cancelled checkpoint's thread is interrupted, and clients of object stores delete nothing in
 * an interrupted thread: without this, files that nobody knows of would stay in the store.
 */
final class CleanUp {
    private CleanUp() {}

    /** Completes a stream; if that fails, what it wrote is discarded. */
    static @Nullable StreamStateHandle handleOf(CheckpointStateOutputStream stream)
            throws IOException {
        boolean complete = false;
        try {
            StreamStateHandle handle = stream.closeAndGetHandle();
            complete = true;
            return handle;
        } finally {
            if (!complete) {
                run(() -> IOUtils.closeQuietly(stream));
            }
        }
    }

    /** Does the work in this thread as if it were not interrupted; it is again afterwards. */
    static void run(Runnable work) {
        boolean interrupted = Thread.interrupted();
        try {
            work.run();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
