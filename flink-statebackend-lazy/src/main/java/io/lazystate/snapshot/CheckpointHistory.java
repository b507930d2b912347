package io.lazystate.snapshot;

import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Decides which completed checkpoint later ones build on, and which earlier files an attempt's
 * handle refers to (I11).
 *
 * <p>The JobManager deletes what no checkpoint refers to before the task hears of it. So every
 * handle refers to all files that the task needed when the attempt was captured, and to those of
 * every checkpoint adopted between then and the attempt's end, when it is <em>sealed</em>. A
 * completed checkpoint is adopted only if no later attempt is sealed that does not refer to its
 * files: once such a one completes they are gone. It must also build on what is the base at that
 * time, since its layout need not fit another one; and then there is one base for all that the task
 * reads.
 *
 * <p>If attempts overlap without a gap, some later one is always sealed before the news come. Then
 * the next ones are asked to wait with their end until they are the only ones that are left.
 *
 * <p>Threads: any; what is to be adopted is returned to whoever brings the news.
 *
 * @param <T> what an attempt has written
 */
final class CheckpointHistory<T> {
    private final NavigableMap<Long, Attempt> attempts = new TreeMap<>();
    private final List<Attempt> waiting = new ArrayList<>();
    private final RestoredFiles restored = new RestoredFiles();

    /** Counts the checkpoints that were adopted. */
    private long base;

    /** Whether one completed since the last adoption, and a later one had been sealed by then. */
    private boolean lags;

    /** One checkpoint that later ones may build on, from its capture on. */
    final class Attempt {
        private final long id;
        private final boolean full;
        private final boolean copiesAll;
        private final boolean ofDoubtfulBase;
        private final long builtOn;

        /** Files of earlier checkpoints that the handle refers to; no more once it is sealed. */
        private final Set<StoredObject> earlier;

        private @Nullable Sealed<T> sealed;
        private boolean completed;
        private final CompletableFuture<Void> ended = new CompletableFuture<>();

        private Attempt(long id, boolean full, Set<StoredObject> inUse) {
            this.id = id;
            this.full = full;
            this.ofDoubtfulBase = restored.areDoubtful();
            this.copiesAll = full || ofDoubtfulBase;
            this.builtOn = base;
            this.earlier = new LinkedHashSet<>(inUse);
        }

        /** Whether its manifest must not need any earlier file. */
        boolean copiesAll() {
            return copiesAll;
        }

        /** Whether the next attempts will have to copy what this one has to. */
        boolean isLikeLaterOnes() {
            return ofDoubtfulBase || !full;
        }

        /** Whether it has neither ended nor been overtaken by a later one that completed. */
        boolean isPending() {
            synchronized (CheckpointHistory.this) {
                return attempts.get(id) == this && !completed;
            }
        }

        /**
         * Done as soon as the attempt should be sealed: at once, unless the base lags behind and
         * what became of earlier attempts is not known yet.
         */
        CompletableFuture<Void> earlierEnded() {
            synchronized (CheckpointHistory.this) {
                waiting.add(this);
                answerAll();
                return ended;
            }
        }

        private boolean answer() {
            if (!shouldWait()) {
                ended.complete(null);
            }
            return ended.isDone();
        }

        private boolean shouldWait() {
            return lags
                    && sealed == null
                    && attempts.get(id) == this
                    && attempts.headMap(id).values().stream().anyMatch(each -> !each.completed);
        }

        /**
         * All is written: from now on it may complete.
         *
         * @param files that are needed by whoever builds on it
         * @return the files of earlier checkpoints that its handle is to refer to
         */
        Set<StoredObject> seal(T written, Set<StoredObject> files) {
            synchronized (CheckpointHistory.this) {
                restored.removeForeign(earlier);
                sealed = new Sealed<>(written, files);
                return Set.copyOf(earlier);
            }
        }

        /** Its asynchronous part is over, or will never run: unless sealed it cannot complete. */
        void released() {
            synchronized (CheckpointHistory.this) {
                if (sealed == null) {
                    attempts.remove(id, this);
                    settleDoubt();
                    answerAll();
                }
            }
        }

        /** Whether files would be gone after its completion. */
        private boolean isSealedWithout(Set<StoredObject> files) {
            return sealed != null && !earlier.containsAll(files);
        }
    }

    private record Sealed<T>(T written, Set<StoredObject> files) {}

    /**
     * An attempt was captured.
     *
     * @param full whether Flink asks for one whose manifest needs no earlier file
     * @param inUse files of earlier checkpoints that the task needs at this time
     */
    synchronized Attempt started(long checkpointId, boolean full, Set<StoredObject> inUse) {
        if (full) {
            restored.askedForFull(inUse);
        } else if (attempts.isEmpty()) {
            restored.askedForOrdinary();
        }
        Attempt attempt = new Attempt(checkpointId, full, inUse);
        attempts.put(checkpointId, attempt);
        return attempt;
    }

    /** Whether checkpoints build on one of this execution, not on what was restored. */
    synchronized boolean anyAdopted() {
        return base > 0;
    }

    /**
     * The attempt will not complete.
     *
     * @return what to build on from now on; null if it is what it was
     */
    synchronized @Nullable T aborted(long checkpointId) {
        attempts.remove(checkpointId);
        settleDoubt();
        T adopted = adopt();
        answerAll();
        return adopted;
    }

    /**
     * An ordinary request may turn out only later to be one that came with no earlier attempt left;
     * that helps only as long as nothing is sealed that does not refer to the restored files.
     */
    private void settleDoubt() {
        if (!attempts.isEmpty()
                && !attempts.firstEntry().getValue().full
                && attempts.values().stream().allMatch(each -> each.sealed == null)) {
            restored.askedForOrdinary();
        }
    }

    /**
     * The checkpoint completed; said late or out of order if it must be.
     *
     * @return what to build on from now on; null if it is what it was
     */
    synchronized @Nullable T completed(long checkpointId) {
        Attempt attempt = attempts.get(checkpointId);
        if (attempt == null) {
            return null; // a savepoint, or one that a later completed checkpoint has left behind
        }
        restored.completed();
        attempt.completed = true;
        attempts.headMap(checkpointId).clear();
        T adopted = adopt();
        answerAll();
        return adopted;
    }

    /** Adopts the last checkpoint that is known to have completed, if that is possible now. */
    private @Nullable T adopt() {
        Attempt first = attempts.isEmpty() ? null : attempts.firstEntry().getValue();
        if (first == null || !first.completed) {
            return null;
        }
        Sealed<T> sealed = first.sealed;
        if (sealed == null || first.builtOn != base) {
            attempts.remove(first.id);
            return null;
        }
        attempts.remove(first.id);
        if (attempts.values().stream().anyMatch(later -> later.isSealedWithout(sealed.files()))) {
            attempts.put(first.id, first); // until those have ended
            lags = true;
            return null;
        }
        for (Attempt later : attempts.values()) {
            if (later.sealed == null) {
                later.earlier.addAll(sealed.files());
            }
        }
        restored.replaced();
        base++;
        lags = false;
        return sealed.written();
    }

    private void answerAll() {
        waiting.removeIf(Attempt::answer);
    }
}
