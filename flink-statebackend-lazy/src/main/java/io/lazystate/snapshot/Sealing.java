package io.lazystate.snapshot;

import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.SnapshotView;
import io.lazystate.paging.StateView;
import io.lazystate.store.StoredObject;
import java.io.Closeable;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.core.fs.CloseableRegistry;
import org.jspecify.annotations.Nullable;

/**
 * The last thing to be decided about a checkpoint: which earlier files its handle refers to.
 *
 * <p>Of a savepoint: none, since nothing is built upon it. Threads: that of the asynchronous part.
 */
final class Sealing {
    /** What a checkpoint consists of, for whoever builds on it. */
    record Basis(SnapshotView view, Map<StateView, StateLayout> layouts) {}

    private final SnapshotView view;
    private final CheckpointHistory<Basis>.@Nullable Attempt attempt;
    private final Patience patience;

    /**
     * @param attempt null for a savepoint
     */
    Sealing(
            SnapshotView view,
            CheckpointHistory<Basis>.@Nullable Attempt attempt,
            Patience patience) {
        this.view = view;
        this.attempt = attempt;
        this.patience = patience;
    }

    /**
     * Waits for news of earlier checkpoints, if the history asks for it and as long as the patience
     * allows. What it waits for never depends on this checkpoint, only on earlier ones.
     *
     * @throws IOException if the checkpoint is cancelled meanwhile
     */
    void await(CloseableRegistry cancel) throws IOException {
        if (attempt == null) {
            return;
        }
        CompletableFuture<Void> news = attempt.earlierEnded();
        if (news.isDone()) {
            return;
        }
        Closeable giveUp = () -> news.complete(null);
        cancel.registerCloseable(giveUp);
        try {
            patience.await(news);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("The checkpoint was interrupted before its end", e);
        } finally {
            cancel.unregisterCloseable(giveUp);
        }
        if (cancel.isClosed()) {
            throw new IOException("The checkpoint was cancelled before its end");
        }
    }

    /** Ends the checkpoint; returns the earlier files that its handle is to refer to. */
    Set<StoredObject> seal(Map<StateView, StateLayout> layouts) {
        if (attempt == null) {
            return Set.of();
        }
        Set<StoredObject> files = new LinkedHashSet<>();
        layouts.values().forEach(layout -> files.addAll(layout.objects()));
        return attempt.seal(new Basis(view, layouts), files);
    }
}
