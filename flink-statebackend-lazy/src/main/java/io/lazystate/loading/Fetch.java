package io.lazystate.loading;

import io.lazystate.loading.ExtentFiles.Outcome;
import io.lazystate.metrics.LoadCause;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;

/**
 * An extent on its way to the local disk, or several small ones that one read fetches.
 *
 * <p>Threads: one that asks. Ownership: its files are those of whoever takes the result, or are
 * deleted when it is abandoned.
 */
final class Fetch implements LoadExecutor.Request {
    private final List<ColdExtent> extents;
    private final ExtentFiles files;
    private final LoadCause cause;
    private final CompletableFuture<List<Outcome>> result = new CompletableFuture<>();
    private final FutureTask<?> work = new FutureTask<>(this::fetch, null);

    Fetch(List<ColdExtent> extents, ExtentFiles files, LoadCause cause) {
        this.extents = List.copyOf(extents);
        this.files = files;
        this.cause = cause;
    }

    List<ColdExtent> extents() {
        return extents;
    }

    long bytes() {
        return extents.stream().mapToLong(ColdExtent::bytes).sum();
    }

    boolean isDone() {
        return result.isDone();
    }

    /** One of each extent, in order; CLOSED if interrupted. */
    List<Outcome> await() {
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
            delete(result.join());
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
            List<Outcome> outcomes = files.fetch(extents, cause);
            if (!result.complete(outcomes)) {
                delete(outcomes);
            }
        } catch (Throwable t) {
            result.completeExceptionally(t);
        }
    }

    private void delete(List<Outcome> outcomes) {
        for (Outcome outcome : outcomes) {
            if (outcome.linkable() != null) {
                files.delete(outcome.linkable());
            }
        }
    }
}
