package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.backend.SavedCheckpoints.Saved;
import io.lazystate.paging.Evictable;
import io.lazystate.paging.PagedRocksDB;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStorageAccess;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.util.FileUtils;

/**
 * One random history of a job: accesses, checkpoints, failures, restarts with another parallelism,
 * new jobs from old checkpoints; everything that is read or restored is compared with a model.
 *
 * <p>A seed repeats its history step by step. Threads make the one difference: what runs in the
 * background (asynchronous parts, the hydrator in mode HYBRID) goes on in the order of {@link
 * FuzzThreads}, which a seed repeats as far as it can; no check depends on how far it gets.
 */
final class History implements AutoCloseable {
    private static final int MOST_SUBTASKS = 3;
    private static final int MOST_CHECKPOINTS_AT_ONCE = 3;
    private static final int MANY_CHECKPOINTS = 8;

    /** What a checkpoint seldom proves, so that it is always verified then. */
    private static final Set<Event> SELDOM =
            EnumSet.of(Event.FULL_CHECKPOINT_AFTER_NO_CLAIM, Event.LINKING_DURING_SNAPSHOT);

    private static final int[] MAX_PARALLELISMS = {4, 7, 128, 300};

    private final Random random;
    private final Path directory;
    private final Path local;
    private final Coverage coverage;
    private final StepLog log;
    private final FuzzThreads threads;
    private final int maxParallelism;
    private final int retained;
    private final int checkpointsAtOnce;
    private final FuzzStarts starts;

    private final SavedCheckpoints saved = new SavedCheckpoints();
    private JobID id;
    private FuzzJob job;
    private Future<?> linking;

    /** Whether files of other jobs are to be left alone, and may be deleted some time. */
    private boolean unclaimed;

    /** Whether files may stay behind that Flink forgets as well. */
    private boolean leaks;

    /**
     * @param directory empty; belongs to the history
     */
    History(long seed, Path directory, Coverage coverage, StepLog log) throws Exception {
        this.random = new Random(seed);
        this.threads = new FuzzThreads(seed);
        this.directory = Files.createDirectories(directory.resolve("checkpoints"));
        this.local = Files.createDirectories(directory.resolve("local"));
        this.coverage = coverage;
        this.log = log;
        this.maxParallelism = MAX_PARALLELISMS[random.nextInt(MAX_PARALLELISMS.length)];
        this.retained = 1 + random.nextInt(3);
        this.checkpointsAtOnce = 1 + random.nextInt(MOST_CHECKPOINTS_AT_ONCE);
        List<Long> keys = new ArrayList<>();
        for (long key = 10 + random.nextInt(60); key >= 0; key--) {
            keys.add(random.nextInt(8) == 0 ? random.nextLong() : key);
        }
        this.starts =
                new FuzzStarts(
                        new FuzzStarts.Directories(this.directory, local),
                        maxParallelism,
                        keys,
                        random,
                        coverage,
                        log,
                        threads);
        newJob();
        start(newJobManager(), null, 1, false);
    }

    void run(int steps) throws Exception {
        for (int i = 0; i < steps; i++) {
            step();
        }
        end();
    }

    /** A step, after which the job runs: if the store fails it, it goes on from a checkpoint. */
    private void step() throws Exception {
        try {
            anyStep();
        } catch (Exception e) {
            recover(e);
        }
    }

    private void recover(Exception failure) throws Exception {
        Exception e = failure;
        while (e != null) {
            if (!job.trouble().explains(e)) {
                throw e;
            }
            log.note("crash: " + e.getMessage());
            coverage.hit(Event.STORE_FAILED);
            try {
                stop();
                start(job.jobManager, latest(), job.nextId(), job.full());
                e = null;
            } catch (Exception again) {
                e = again;
            }
        }
    }

    private void anyStep() throws Exception {
        threads.pause();
        int kind = random.nextInt(100);
        if (kind < 45) {
            access();
        } else if (kind < 70) {
            keep(job.advance());
        } else if (kind < 78) {
            job.deliver();
        } else {
            seldomStep();
        }
    }

    private void seldomStep() throws Exception {
        switch (random.nextInt(26)) {
            case 0, 1, 2, 3 -> triggerCheckpoint();
            case 4 -> overlap();
            case 20, 21, 22, 23, 24, 25 -> emptyWhileLinking();
            case 5 -> savepoint(SavepointFormatType.NATIVE);
            case 6 -> savepoint(SavepointFormatType.CANONICAL);
            case 7 -> job.abortSome();
            case 8, 9, 10 -> link();
            case 11, 12, 13 -> restart();
            case 14 -> verify(any(restorable()));
            case 15 -> anySubtask().checkAll();
            case 16, 17 -> evict();
            default -> finishOne();
        }
    }

    private void access() throws Exception {
        FuzzSubtask subtask = anySubtask();
        for (int i = random.nextInt(4); i >= 0; i--) {
            subtask.step();
        }
    }

    private void triggerCheckpoint() throws Exception {
        if (random.nextInt(8) == 0) {
            log.note("a full checkpoint that fails");
            job.failFull();
        } else if (job.underWay() < checkpointsAtOnce) {
            log.note("trigger " + job.triggerCheckpoint());
        }
    }

    /** Several checkpoints are always under way, for a while. */
    private void overlap() throws Exception {
        int atOnce = 2 + random.nextInt(MOST_CHECKPOINTS_AT_ONCE - 1);
        log.note(atOnce + " checkpoints at once, for a while");
        for (int i = 20 + random.nextInt(30); i > 0; i--) {
            if (job.underWay() < atOnce) {
                log.note("trigger " + job.triggerCheckpoint());
            }
            keep(job.advance());
            if (random.nextInt(3) == 0) {
                job.deliver();
            }
            if (random.nextInt(6) == 0) {
                access();
            }
        }
    }

    private void trigger(SnapshotType type) throws IOException {
        if (job.underWay() < MOST_CHECKPOINTS_AT_ONCE) {
            log.note("trigger " + job.trigger(type));
        }
    }

    private void savepoint(SavepointFormatType format) throws Exception {
        if (random.nextBoolean()) {
            trigger(SavepointType.savepoint(format));
        } else {
            keep(job.finish(job.trigger(SavepointType.savepoint(format))));
        }
    }

    /** A checkpoint that takes no time, or a number of them with little change in between. */
    private void finishOne() throws Exception {
        int more = random.nextInt(8) == 0 ? MANY_CHECKPOINTS : 0;
        do {
            keep(job.finish(job.triggerCheckpoint()));
            if (random.nextInt(6) > 0) {
                job.deliverAll();
            }
            access();
        } while (more-- > 0);
    }

    private void keep(Saved completed) throws Exception {
        if (completed == null) {
            return;
        }
        saved.add(completed);
        if (random.nextInt(6) == 0 || !Collections.disjoint(completed.proves(), SELDOM)) {
            verify(completed);
        }
    }

    /** Links cold extents of a subtask, now or while the next steps go on. */
    private void link() throws Exception {
        if (linking != null) {
            awaitLinking();
            return;
        }
        FuzzSubtask subtask = anySubtask();
        StepwiseHydrator hydrator = subtask.hydrator(local);
        if (hydrator == null || !hydrator.hasWork()) {
            return;
        }
        int extents = 1 + random.nextInt(6);
        String state = random.nextBoolean() ? null : "maps";
        if (random.nextInt(3) == 0) {
            log.note("link " + extents + " in another thread");
            linking = threads.submit(() -> hydrator.link(extents, state));
        } else {
            log.note("link " + extents);
            hydrator.link(extents, state);
        }
    }

    /** Lets extents of a subtask go, if it keeps book of what is written, and their space. */
    private void evict() {
        PagedRocksDB db = anySubtask().task.database();
        db.localSpace().setGenerationBytes(1);
        List<Evictable> victims = new ArrayList<>(db.localSpace().evictable(state -> true));
        victims.removeIf(victim -> random.nextInt(3) == 0);
        for (Evictable victim : victims) {
            coverage.hit(
                    victim.clean() ? Event.CLEAN_EXTENT_EVICTED : Event.CHANGED_EXTENT_EVICTED);
            coverage.hitIf(job.underWay() > 0, Event.EVICTION_DURING_CHECKPOINT);
        }
        log.note("evict " + victims.size());
        db.localSpace().evict(victims);
        if (random.nextBoolean()) {
            db.localSpace().shrinkOverlay(Double.MAX_VALUE);
        }
        if (random.nextBoolean()) {
            db.localSpace().reclaim();
        }
    }

    /**
     * A checkpoint finds cold extents of a subtask without a row while another thread may be in the
     * middle of linking them.
     */
    private void emptyWhileLinking() throws Exception {
        awaitLinking();
        FuzzSubtask subtask = anySubtask();
        StepwiseHydrator hydrator = subtask.hydrator(local);
        if (hydrator == null || !hydrator.hasWork()) {
            return;
        }
        log.note("empty a state while its extents are linked");
        String state = subtask.anyState();
        Saved completed;
        threads.holdLinks();
        try {
            linking = threads.submit(() -> hydrator.link(Integer.MAX_VALUE, state));
            subtask.removeMany(state);
            completed = job.finish(job.trigger(CheckpointType.CHECKPOINT));
            coverage.hitIf(completed != null && threads.areLinking(), Event.COMPLETED_DURING_LINK);
            job.deliverAll();
        } finally {
            threads.letLinksGo();
        }
        awaitLinking();
        subtask.checkAll();
        keep(completed);
    }

    private void awaitLinking() throws Exception {
        if (linking != null) {
            linking.get();
            linking = null;
        }
    }

    // ------------------------------------------------------------------ restores

    private List<Saved> restorable() {
        return saved.restorable(job.jobManager);
    }

    private Saved latest() {
        return saved.latest(job.jobManager);
    }

    private void verify(Saved checkpoint) throws Exception {
        if (checkpoint != null) {
            log.note("verify " + checkpoint.pointer());
            starts.verify(load(checkpoint), checkpoint.model());
            checkpoint.proves().forEach(coverage::hit);
        }
    }

    private void restart() throws Exception {
        List<Saved> candidates = restorable();
        stop();
        if (unclaimed && hasOnlyOwn() && random.nextBoolean()) {
            deleteUnclaimed();
        }
        int how = random.nextInt(5);
        if (how < 2 || candidates.isEmpty()) {
            log.note("failover");
            start(job.jobManager, latest(), job.nextId(), job.full());
        } else if (how == 2) {
            log.note("failover of the JobManager too");
            TestJobManager successor = job.jobManager.successor();
            coverage.hitIf(latest() != null, Event.RESTORE_BY_ANOTHER_JOB_MANAGER);
            leaks = true; // it does not know what aborted checkpoints left
            start(successor, latest(), job.nextId(), job.full());
        } else {
            startFrom(anyKind(restorable()), random.nextBoolean());
        }
    }

    /** Savepoints are fewer, but as interesting; full checkpoints are checkpoints. */
    private Saved anyKind(List<Saved> candidates) {
        SnapshotType type = any(candidates.stream().map(History::kind).distinct().toList());
        return any(candidates.stream().filter(each -> kind(each).equals(type)).toList());
    }

    private static SnapshotType kind(Saved saved) {
        return saved.type().isSavepoint() ? saved.type() : CheckpointType.CHECKPOINT;
    }

    /** Starts a new job from a checkpoint or savepoint of another. */
    private void startFrom(Saved checkpoint, boolean claim) throws Exception {
        log.note("new job from " + checkpoint.pointer() + (claim ? ", claimed" : ""));
        Saved latest = latest();
        coverage.hitIf(
                latest != null && !checkpoint.type().isSavepoint() && checkpoint.id() < latest.id(),
                Event.RESTORE_OF_OLDER);
        if (checkpoint.type() instanceof SavepointType savepoint) {
            coverage.hit(
                    savepoint.getFormatType() == SavepointFormatType.NATIVE
                            ? Event.RESTORE_OF_NATIVE_SAVEPOINT
                            : Event.RESTORE_OF_CANONICAL_SAVEPOINT);
        }
        saved.jobEnded(job.jobManager);
        if (claim) {
            saved.claimed(checkpoint);
        }
        newJob();
        unclaimed = !claim;
        TestJobManager jobManager = newJobManager();
        jobManager.restore(
                checkpoint.pointer(), claim ? RecoveryClaimMode.CLAIM : RecoveryClaimMode.NO_CLAIM);
        start(jobManager, checkpoint, checkpoint.id() + 1, !claim);
    }

    /** Whether the JobManager has forgotten what the job was started from. */
    private boolean hasOnlyOwn() {
        return job.jobManager.retained().stream()
                .allMatch(checkpoint -> checkpoint.getExternalPointer().contains(id.toString()));
    }

    /** The user deletes what the job was started from. */
    private void deleteUnclaimed() throws IOException {
        log.note("delete all files of other jobs");
        coverage.hit(Event.ALL_OLDER_FILES_DELETED);
        try (Stream<Path> jobs = Files.list(directory)) {
            for (Path other : jobs.filter(path -> !path.endsWith(id.toString())).toList()) {
                FileUtils.deleteDirectory(other.toFile());
            }
        }
        saved.othersDeleted(id.toString());
        unclaimed = false;
    }

    private void newJob() {
        id = new JobID();
        leaks = false;
    }

    private TestJobManager newJobManager() throws Exception {
        CheckpointStorageAccess storage =
                new FileSystemCheckpointStorage(directory.toUri(), 0).createCheckpointStorage(id);
        storage.initializeBaseLocationsForCheckpoint();
        return new TestJobManager(storage, retained);
    }

    private void start(TestJobManager jobManager, Saved restored, long nextId, boolean full)
            throws Exception {
        StateModel model = restored == null ? new StateModel(maxParallelism) : restored.model();
        List<FuzzSubtask> subtasks = new ArrayList<>();
        FaultPlan trouble = trouble();
        starts.trouble(trouble);
        job =
                new FuzzJob(
                        jobManager,
                        subtasks,
                        nextId,
                        full,
                        trouble,
                        threads,
                        random,
                        coverage,
                        log);
        CompletedCheckpoint checkpoint = restored == null ? null : load(restored);
        FuzzSchema schema = FuzzSchema.draw(random, model);
        log.note("code without " + schema.unknown() + ", values of version " + schema.version());
        for (KeyGroupRange keyGroups : starts.split(MOST_SUBTASKS)) {
            log.note("start " + keyGroups);
            subtasks.add(starts.start(id, keyGroups, checkpoint, model, schema));
        }
        for (FuzzSubtask subtask : subtasks) {
            if (random.nextInt(3) == 0) {
                subtask.checkAll();
            }
            if (restored == null || random.nextInt(5) == 0) {
                subtask.fill();
            }
        }
        if (restored != null) {
            restored.proves().forEach(coverage::hit);
        }
    }

    /** At times the store fails one of the reads of a job. */
    private FaultPlan trouble() {
        boolean fails = random.nextInt(4) == 0;
        Fault fault = random.nextBoolean() ? Fault.FAILS : Fault.DAMAGED;
        return new FaultPlan(random.nextInt(400), fails ? fault : null, null);
    }

    private CompletedCheckpoint load(Saved checkpoint) throws IOException {
        return job.jobManager.load(checkpoint.pointer(), TestJobManager.CHECKPOINT);
    }

    private void stop() throws Exception {
        awaitLinking();
        leaks |= job.leaks();
        job.stop();
        leaks |= job.leaks();
    }

    // ------------------------------------------------------------------ the end

    /** All that is retained can be restored, and nothing else is left. */
    private void end() throws Exception {
        awaitLinking();
        job.trouble().calm();
        for (FuzzSubtask subtask : job.subtasks) {
            subtask.checkAll();
        }
        verify(any(restorable()));
        for (int completed = 0; completed <= retained; ) {
            Saved last = job.finish(job.trigger(CheckpointType.CHECKPOINT));
            if (last != null) {
                completed++;
                saved.add(last);
                job.deliverAll();
            } else {
                completed = 0; // what it left is forgotten when none before it is retained
            }
        }
        verify(latest());
        stop();
        if (!leaks) {
            Set<Path> forgotten = files();
            forgotten.removeAll(referenced());
            assertThat(forgotten).isEmpty();
            coverage.hit(Event.NOTHING_LEFT_BEHIND);
        }
    }

    private Set<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(directory.resolve(id.toString()))) {
            return new TreeSet<>(files.filter(Files::isRegularFile).toList());
        }
    }

    private Set<Path> referenced() throws Exception {
        Set<Path> referenced = new HashSet<>();
        for (Saved checkpoint : restorable()) {
            referenced.add(Path.of(URI.create(checkpoint.pointer()).getPath(), "_metadata"));
            for (KeyedStateHandle handle :
                    TestJobManager.handles(
                            load(checkpoint), KeyGroupRange.of(0, maxParallelism - 1))) {
                referenced.addAll(WrittenCheckpoint.files(handle));
            }
        }
        return referenced;
    }

    private FuzzSubtask anySubtask() {
        return any(job.subtasks);
    }

    private <T> T any(List<T> list) {
        return list.isEmpty() ? null : list.get(random.nextInt(list.size()));
    }

    @Override
    public void close() {
        threads.close();
    }
}
