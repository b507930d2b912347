package io.lazystate.loading;

import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.metrics.LoadCause;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;

/**
 * An extent on its way to the local disk.
 *
 * <p>Threads: one that asks. Ownership: its files are those of whoever takes the result, or are
 * deleted when it is abandoned.
 */
final class Fetch implements LoadExecutor.Request {
    private final ColdExtent extent;
    private final ExtentFiles files;
    private final LoadCause cause;
    private final CompletableFuture<Linkable> result = new CompletableFuture<>();
    private final FutureTask<?> work = new FutureTask<>(this::fetch, null);

    Fetch(ColdExtent extent, ExtentFiles files, LoadCause cause) {
        this.extent = extent;
        this.files = files;
        this.cause = cause;
    }

    ColdExtent extent() {
        return extent;
    }

    boolean isDone() {
        return result.isDone();
    }

    /** Fails as the reads do; CLOSED if interrupted. */
    Linkable await() {
        return Futures.await(result);
    }

    /** Waits for some time; returns whether it is done. */
    boolean awaitDone(long nanos) {
        return Futures.awaitDone(result, nanos);
    }

    /** Stops it, if it is not done, and deletes what came. */
    void abandon() {
        if (!result.completeExceptionally(new CancellationException())
                && !result.isCompletedExceptionally()) {
            files.delete(result.join());
        }
        work.cancel(true);
    }

    @Override
    public void run() {
        work.run();
    }

    @Override
    public void dropped() {
        result.completeExceptionally(Futures.stopped(null));
    }

    private void fetch() {
        try {
            Linkable linkable = files.fetch(extent, cause);
            if (!result.complete(linkable)) {
                files.delete(linkable);
            }
        } catch (Throwable t) {
            result.completeExceptionally(t);
        }
    }
}
