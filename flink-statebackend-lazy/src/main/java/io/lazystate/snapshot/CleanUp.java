package io.lazystate.snapshot;

/**
 * Clean-up behind a checkpoint that failed, perhaps because it was cancelled.
 *
 * <p>A cancelled checkpoint's thread is interrupted, and clients of object stores delete nothing in
 * an interrupted thread: without this, files that nobody knows of would stay in the store.
 */
final class CleanUp {
    private CleanUp() {}

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
