package io.lazystate.snapshot;

import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/**
 * One random history of a task's checkpoints, against a model of the JobManager: what it has
 * registered, what it retains, and what it deletes when a checkpoint completes.
 */
final class ModelOfHistory {
    /** What the task was restored from. */
    enum Restored {
        NOTHING,
        ITS_OWN,
        WHAT_IS_NOT_CLAIMED
    }

    private static final class Checkpoint {
        final long id;
        final boolean full;
        final Set<StoredObject> base;
        final Set<StoredObject> fresh = new HashSet<>();
        final Set<StoredObject> layout = new HashSet<>();
        CheckpointHistory<Checkpoint>.Attempt attempt;
        Set<StoredObject> earlier;
        boolean acknowledged;

        Checkpoint(long id, boolean full, Set<StoredObject> base) {
            this.id = id;
            this.full = full;
            this.base = base;
        }

        @Override
        public String toString() {
            return (full ? "full " : "") + id;
        }
    }

    private record Notice(Checkpoint of, boolean completed) {}

    private final CheckpointHistory<Checkpoint> history = new CheckpointHistory<>();
    private final List<String> log = new ArrayList<>();
    private final Random random;
    private final int retained;
    private final int inFlight;
    private final Set<StoredObject> restored = new HashSet<>();
    private final boolean claimed;
    private long nextId = 1;

    // What the JobManager knows.
    private final Map<StoredObject, Long> lastUsed = new HashMap<>();
    private final Set<StoredObject> deleted = new HashSet<>();
    private final NavigableMap<Long, Checkpoint> pending = new TreeMap<>();
    private final List<Checkpoint> completed = new ArrayList<>();
    private final List<Notice> notices = new ArrayList<>();
    private boolean asksForFull;

    // What the task has.
    private Set<StoredObject> live = new HashSet<>();
    private final List<StoredObject> pinned = new ArrayList<>();
    private final List<Checkpoint> running = new ArrayList<>();
    private final List<Checkpoint> written = new ArrayList<>();

    /** One completed that could not tell whose the restored files are: see docs/design/0002. */
    private boolean mayLoseRestored;

    ModelOfHistory(long seed, Restored from) {
        log.add("seed " + seed + ", restored " + from);
        random = new Random(seed);
        retained = 1 + random.nextInt(3);
        inFlight = 1 + random.nextInt(3);
        claimed = from != Restored.WHAT_IS_NOT_CLAIMED;
        asksForFull = !claimed;
        Checkpoint first = new Checkpoint(0, false, Set.of());
        if (from != Restored.NOTHING) {
            for (int i = 0; i < 3; i++) {
                restored.add(CheckpointHistoryTest.file("restored" + i));
            }
            first.layout.addAll(restored);
            restored.forEach(file -> lastUsed.put(file, 0L));
            completed.add(first);
            live = first.layout;
        }
    }

    void run(int steps) {
        for (int i = 0; i < steps; i++) {
            step();
            check();
        }
    }

    private void step() {
        switch (random.nextInt(12)) {
            case 0, 1, 2 -> capture();
            case 3, 4 -> end(anyOf(running));
            case 5, 6 -> acknowledge(anyOf(written));
            case 7 -> complete();
            case 8 -> abortAny();
            case 9, 10 -> deliver();
            default -> pin();
        }
    }

    // ------------------------------------------------------------------ the task

    private void capture() {
        if (pending.size() >= inFlight) {
            return;
        }
        boolean full = asksForFull || random.nextInt(5) == 0;
        Checkpoint checkpoint = new Checkpoint(nextId++, full, live);
        log.add("capture " + checkpoint);
        Set<StoredObject> inUse = new HashSet<>(live);
        inUse.addAll(pinned);
        running.forEach(other -> inUse.addAll(other.base));
        checkpoint.attempt = history.started(checkpoint.id, full, inUse);
        pending.put(checkpoint.id, checkpoint);
        running.add(checkpoint);
    }

    private void end(Checkpoint checkpoint) {
        if (checkpoint == null) {
            return;
        }
        if (random.nextInt(8) == 0) {
            log.add("fail " + checkpoint);
            release(checkpoint);
            abort(checkpoint);
            return;
        }
        if (!checkpoint.attempt.earlierEnded().isDone() && random.nextInt(6) > 0) {
            return; // waits
        }
        write(checkpoint);
        checkpoint.earlier = checkpoint.attempt.seal(checkpoint, checkpoint.layout);
        log.add("seal " + checkpoint + " with " + checkpoint.earlier);
        release(checkpoint);
        written.add(checkpoint);
        Set<StoredObject> needed = new HashSet<>(checkpoint.layout);
        needed.removeAll(checkpoint.fresh);
        needed.removeAll(checkpoint.earlier);
        require(needed.isEmpty(), "its manifest needs " + needed);
        require(
                claimed || Collections.disjoint(checkpoint.earlier, restored),
                "it refers to files of another job");
    }

    private void write(Checkpoint checkpoint) {
        boolean copies = checkpoint.attempt.copiesAll();
        for (StoredObject old : checkpoint.base) {
            if (!copies && random.nextInt(4) > 0) {
                checkpoint.layout.add(old);
            }
        }
        for (int i = copies ? 1 : random.nextInt(3); i > 0; i--) {
            checkpoint.fresh.add(CheckpointHistoryTest.file("of" + checkpoint.id + "-" + i));
        }
        checkpoint.layout.addAll(checkpoint.fresh);
    }

    private void release(Checkpoint checkpoint) {
        checkpoint.attempt.released();
        running.remove(checkpoint);
    }

    private void pin() {
        if (!pinned.isEmpty() && random.nextBoolean()) {
            pinned.remove(0);
        } else if (!live.isEmpty()) {
            pinned.add(anyOf(new ArrayList<>(live)));
        }
    }

    private void deliver() {
        if (notices.isEmpty()) {
            return;
        }
        Notice notice = notices.remove(random.nextInt(4) == 0 ? random.nextInt(notices.size()) : 0);
        if (random.nextInt(12) == 0) {
            log.add("lose " + notice);
            return;
        }
        log.add("deliver " + notice);
        Checkpoint adopted;
        if (notice.completed()) {
            adopted = history.completed(notice.of().id);
        } else {
            if (running.contains(notice.of()) && random.nextInt(4) > 0) {
                release(notice.of()); // Flink cancels it
            }
            adopted = history.aborted(notice.of().id);
        }
        if (adopted != null) {
            log.add("adopt " + adopted);
            require(completed.contains(adopted) || wasCompleted(adopted), "it is not complete");
            require(adopted.base == live, "it builds on another base");
            live = adopted.layout;
        }
    }

    private boolean wasCompleted(Checkpoint adopted) {
        return !completed.isEmpty() && adopted.id < completed.get(0).id;
    }

    // ------------------------------------------------------------------ the JobManager

    private void acknowledge(Checkpoint checkpoint) {
        if (checkpoint == null) {
            return;
        }
        written.remove(checkpoint);
        boolean late = !pending.containsKey(checkpoint.id);
        for (StoredObject file : checkpoint.earlier) {
            require(late || lastUsed.containsKey(file), checkpoint + " refers to unknown " + file);
            lastUsed.computeIfPresent(file, (f, used) -> Math.max(used, checkpoint.id));
        }
        checkpoint.fresh.forEach(file -> lastUsed.put(file, checkpoint.id));
        checkpoint.acknowledged = true;
        log.add("acknowledge " + checkpoint);
    }

    /** The other subtasks' acknowledgements have come too. */
    private void complete() {
        List<Checkpoint> ready = pending.values().stream().filter(c -> c.acknowledged).toList();
        Checkpoint checkpoint = anyOf(ready);
        if (checkpoint == null) {
            return;
        }
        log.add("complete " + checkpoint);
        pending.remove(checkpoint.id);
        completed.add(checkpoint);
        if (completed.size() > retained) {
            completed.remove(0);
        }
        mayLoseRestored |= claimed && !restored.isEmpty() && wasInDoubt(checkpoint);
        long lowest = completed.get(0).id;
        lastUsed.entrySet().removeIf(file -> file.getValue() < lowest && forget(file.getKey()));
        asksForFull = false;
        notices.add(new Notice(checkpoint, true));
        new ArrayList<>(pending.headMap(checkpoint.id).values()).forEach(this::abort);
    }

    private static boolean wasInDoubt(Checkpoint checkpoint) {
        return checkpoint.attempt.copiesAll()
                && checkpoint.attempt.isLikeLaterOnes()
                && checkpoint.earlier.isEmpty();
    }

    private boolean forget(StoredObject file) {
        if (claimed || !restored.contains(file)) {
            deleted.add(file);
        }
        return true;
    }

    private void abortAny() {
        if (random.nextInt(2) == 0) {
            abort(anyOf(new ArrayList<>(pending.values())));
        }
    }

    private void abort(Checkpoint checkpoint) {
        if (checkpoint != null && pending.remove(checkpoint.id) != null) {
            log.add("abort " + checkpoint);
            notices.add(new Notice(checkpoint, false));
        }
    }

    // ------------------------------------------------------------------ what must hold

    private void check() {
        requireThere(live, "the live layout");
        requireThere(pinned, "what is pinned");
        running.forEach(checkpoint -> requireThere(checkpoint.base, "the view of " + checkpoint));
        completed.forEach(checkpoint -> requireThere(checkpoint.layout, "retained " + checkpoint));
    }

    private void requireThere(Iterable<StoredObject> files, String of) {
        for (StoredObject file : files) {
            boolean limit = mayLoseRestored && restored.contains(file);
            require(limit || !deleted.contains(file), file + " of " + of + " is deleted");
        }
    }

    private void require(boolean holds, String problem) {
        if (!holds) {
            throw new AssertionError(problem + "\n" + String.join("\n", log));
        }
    }

    private <T> T anyOf(List<T> list) {
        return list.isEmpty() ? null : list.get(random.nextInt(list.size()));
    }
}
