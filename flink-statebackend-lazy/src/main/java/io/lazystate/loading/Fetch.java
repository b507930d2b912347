package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.ExtentFiles.Fetched;
import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.metrics.LoadCause;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An extent on its way to the local disk, or several small ones that one read fetches: bases and
 * changes are two requests, so that neither waits for the other's round trips.
 *
 * <p>Threads: one that asks. Ownership: its files are those of whoever takes the result, or are
 * deleted when it is abandoned.
 */
final class Fetch {
    private final List<ColdExtent> extents;
    private final Part bases;

    /** Done from the start if there are no deltas. */
    private final Part changes;

    private final CompletableFuture<?> done;

    Fetch(List<ColdExtent> batch, ExtentFiles files, LoadCause cause) {
        this.extents = List.copyOf(batch);
        this.bases = new Part(() -> files.bases(extents, cause));
        this.changes = new Part(() -> files.changes(extents, cause));
        if (extents.stream().allMatch(cold -> cold.extent().deltas().isEmpty())) {
            changes.run();
        }
        this.done = CompletableFuture.allOf(bases.result, changes.result);
    }

    /**
     * What became of one extent.
     *
     * @param linkable null if it failed
     * @param failure as of the reads, naming the state; null if it did not fail
     */
    record Outcome(
            ColdExtent extent, @Nullable Linkable linkable, @Nullable LazyStateException failure) {}

    List<ColdExtent> extents() {
        return extents;
    }

    /**
     * Hands its requests over.
     *
     * @throws java.util.concurrent.RejectedExecutionException if the executor is closed
     */
    void start(LoadExecutor executor, LoadCause urgency) {
        long baseBytes = extents.stream().mapToLong(cold -> cold.extent().baseBytes()).sum();
        if (!changes.result.isDone()) {
            long bytes = extents.stream().mapToLong(ColdExtent::bytes).sum();
            executor.execute(urgency, bytes - baseBytes, changes);
        }
        executor.execute(urgency, baseBytes, bases);
    }

    boolean isDone() {
        return done.isDone();
    }

    /** Waits for some time; returns whether it is done. CLOSED if interrupted. */
    boolean awaitDone(long nanos) {
        return Futures.awaitDone(done, nanos);
    }

    /** As above, for the task's thread: see {@link Futures#awaitUninterruptibly}. */
    boolean awaitDoneUninterruptibly(long nanos) {
        return Futures.awaitDoneUninterruptibly(done, nanos);
    }

    /** One of each extent, in order; CLOSED if interrupted. */
    List<Outcome> await() {
        try {
            Futures.await(done);
        } catch (RuntimeException | Error e) {
            abandon();
            throw e;
        }
        List<Outcome> outcomes = new ArrayList<>(extents.size());
        for (int i = 0; i < extents.size(); i++) {
            Fetched base = bases.result.join().get(i);
            Fetched changed = changes.result.join().get(i);
            outcomes.add(outcome(extents.get(i), base, changed));
        }
        return outcomes;
    }

    private static Outcome outcome(ColdExtent cold, Fetched base, Fetched changed) {
        LazyStateException failure = base.failure() != null ? base.failure() : changed.failure();
        if (failure != null) {
            delete(base);
            delete(changed);
            return new Outcome(cold, null, failure);
        }
        return new Outcome(cold, new Linkable(cold, base.file(), changed.file()), null);
    }

    /** Stops it, if it is not done, and deletes what came. */
    void abandon() {
        bases.abandon();
        changes.abandon();
    }

    private static void delete(Fetched fetched) {
        Path file = fetched.file();
        if (file != null) {
            ExtentFiles.delete(file);
        }
    }

    /** One of its requests. */
    private static final class Part implements LoadExecutor.Request {
        private final Supplier<List<Fetched>> files;
        private final CompletableFuture<List<Fetched>> result = new CompletableFuture<>();
        private final FutureTask<?> work = new FutureTask<>(this::fetch, null);

        Part(Supplier<List<Fetched>> files) {
            this.files = files;
        }

        @Override
        public void run() {
            work.run();
        }

        @Override
        public void dropped(LazyStateException why) {
            result.completeExceptionally(why);
        }

        private void fetch() {
            try {
                List<Fetched> fetched = files.get();
                if (!result.complete(fetched)) {
                    fetched.forEach(Fetch::delete);
                }
            } catch (LazyStateException e) {
                result.completeExceptionally(e);
            } catch (Throwable t) { // of this fetch alone: the others, and later ones, may do
                result.completeExceptionally(
                        new LazyStateException(
                                Kind.UNAVAILABLE,
                                Where.NOWHERE,
                                "Files could not be fetched: "
                                        + t
                                        + "; check the memory of the TaskManager",
                                t));
            }
        }

        void abandon() {
            if (!result.completeExceptionally(new CancellationException())
                    && !result.isCompletedExceptionally()) {
                result.join().forEach(Fetch::delete);
            }
            work.cancel(true);
        }
    }
}
