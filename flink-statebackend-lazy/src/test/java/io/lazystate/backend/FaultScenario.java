package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.store.StateHandleReader;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Stream;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.execution.CancelTaskException;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StateUtil;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.FileUtils;
import org.apache.flink.util.IOUtils;

/**
 * A subtask's life under a {@link FaultPlan}, the same each time: restored from two others'
 * handles, of which it has a part; accesses; checkpoints of every kind, each taken again if it
 * fails; then what the JobManager has is restored and compared with the model, and nothing may be
 * left.
 */
final class FaultScenario {
    private static final int MAX_PARALLELISM = 128;
    private static final int KEYS = 24;
    private static final int BASE_ACCESSES = 40;
    private static final int ACCESSES = 12;
    private static final long FIRST_ID = 10;
    private static final KeyGroupRange OWN = KeyGroupRange.of(20, MAX_PARALLELISM - 1);
    private static final int CUT = 70;

    private final Path store;
    private final Path backup;
    private final Path local;
    private final CacheDirectory cache;
    private final Path cacheBackup;
    private final Configuration config = new Configuration();
    private final JobID job = new JobID();
    private final List<Long> keys = new ArrayList<>();
    private final Coverage coverage = new Coverage();
    private final StepLog log = new StepLog();
    private final StateModel base = new StateModel(MAX_PARALLELISM);
    private final String pointer;

    private FaultPlan plan;
    private TestJobManager jobManager;
    private StateModel completed;
    private long nextId;
    private long cacheHits;
    private volatile boolean cancelled;

    /**
     * @param directory empty
     * @param withCache whether there is an edge cache, which has half of what is read at first
     */
    FaultScenario(Path directory, LoadingMode mode, boolean withCache) throws Exception {
        this.store = Files.createDirectories(directory.resolve("store"));
        this.backup = directory.resolve("backup");
        this.local = Files.createDirectories(directory.resolve("local"));
        this.cache = withCache ? new CacheDirectory(directory.resolve("edge")) : null;
        this.cacheBackup = directory.resolve("edge-backup");
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 1);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(256));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(1500));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        if (withCache) {
            config.set(LazyStateOptions.EDGE_CACHE_DIR, cache.path().toString());
            config.set(LazyStateOptions.EDGE_CACHE_MAX_BYTES, MemorySize.ofMebiBytes(16));
        }
        for (long key = 0; key < KEYS; key++) {
            keys.add(key);
        }
        this.pointer = writeBase();
        copy(store, backup);
        if (withCache) {
            run(-1, null);
            cache.halve();
            copy(cache.path(), cacheBackup);
        }
    }

    /** Base runs of two subtasks, and a delta over each. */
    private String writeBase() throws Exception {
        plan = new FaultPlan(-1, null, new LocalDisk(local));
        TestJobManager first = new TestJobManager(start(OWN).storage(job), 1);
        Random random = new Random(1);
        try (FuzzSubtask left = fresh(KeyGroupRange.of(0, CUT - 1), random);
                FuzzSubtask right = fresh(KeyGroupRange.of(CUT, MAX_PARALLELISM - 1), random)) {
            left.fill();
            right.fill();
            CompletedCheckpoint last = null;
            for (long id = 1; id < 3; id++) {
                for (int i = 0; i < BASE_ACCESSES; i++) {
                    left.step();
                    right.step();
                }
                first.trigger(id, 2, TestJobManager.CHECKPOINT);
                first.acknowledge(id, 0, left.task.snapshot(id));
                last = first.acknowledge(id, 1, right.task.snapshot(id));
                left.task.backend().notifyCheckpointComplete(id);
                right.task.backend().notifyCheckpointComplete(id);
            }
            base.addAll(left.model);
            base.addAll(right.model);
            return last.getExternalPointer();
        }
    }

    private FuzzSubtask fresh(KeyGroupRange keyGroups, Random random) throws Exception {
        TestTask.Start start = start(keyGroups);
        StateModel model = new StateModel(MAX_PARALLELISM);
        return new FuzzSubtask(
                start,
                TestTask.start(start),
                model,
                FuzzSchema.complete(model),
                keys,
                random,
                coverage,
                log);
    }

    /** Runs it; fails unless everything is as it must be. */
    FaultPlan run(int step, Fault fault) throws Exception {
        FileUtils.deleteDirectory(store.toFile());
        copy(backup, store);
        if (cache != null && Files.exists(cacheBackup)) {
            FileUtils.deleteDirectory(cache.path().toFile());
            copy(cacheBackup, cache.path());
        }
        plan = new FaultPlan(step, fault, new LocalDisk(local), cache);
        jobManager = new TestJobManager(start(OWN).storage(job), 1);
        jobManager.restore(pointer, RecoveryClaimMode.CLAIM);
        completed = base.within(OWN);
        nextId = FIRST_ID;
        cancelled = false;
        try {
            live();
        } catch (Exception e) {
            expected(e);
        } finally {
            Thread.interrupted(); // a fault may have cancelled the task
        }
        for (long pending : jobManager.pending()) {
            jobManager.abort(pending);
        }
        Leftovers.assertNone(local, store);
        if (cache != null) {
            Leftovers.assertNone(local, cache.path());
        }
        assertOnlyReferencedFiles();
        try (FuzzSubtask subtask =
                restore(new CloseableRegistry(), new FaultPlan(-1, null, null))) {
            subtask.checkAll();
            subtask.drainTimers();
        }
        return plan;
    }

    /** What the edge cache had in the last life that ended well. */
    long cacheHits() {
        return cacheHits;
    }

    private void live() throws Exception {
        CloseableRegistry cancel = new CloseableRegistry();
        Thread task = Thread.currentThread();
        plan.onCancel(() -> cancelTask(task, cancel));
        try (FuzzSubtask subtask = restore(cancel, plan)) {
            access(subtask);
            checkpoint(subtask, CheckpointType.CHECKPOINT);
            access(subtask);
            canonicalSavepoint(subtask);
            checkpoint(subtask, CheckpointType.FULL_CHECKPOINT);
            access(subtask);
            checkpoint(subtask, CheckpointType.CHECKPOINT);
            subtask.checkAll();
            cacheHits = subtask.task.metrics().edgeHits().sum();
        }
    }

    /** A cancelled task may be one that waits for nothing; its work ends all the same. */
    private void endIfCancelled() {
        if (cancelled) {
            throw new CancelTaskException();
        }
    }

    private void access(FuzzSubtask subtask) throws Exception {
        endIfCancelled();
        plan.mayCrash();
        for (int i = 0; i < ACCESSES; i++) {
            subtask.step();
        }
    }

    private FuzzSubtask restore(CloseableRegistry cancel, FaultPlan faults) throws Exception {
        List<CompletedCheckpoint> retained = jobManager.retained();
        String latest = retained.get(retained.size() - 1).getExternalPointer();
        Collection<KeyedStateHandle> handles =
                TestJobManager.handles(jobManager.load(latest, TestJobManager.CHECKPOINT), OWN);
        TestTask.Start start =
                new TestTask.Start(
                        store,
                        config,
                        OWN,
                        reader -> new FaultyReader(new StateHandleReader(), faults),
                        job,
                        MAX_PARALLELISM);
        TestTask task = TestTask.restore(start, handles, cancel);
        StateModel model = completed.within(OWN);
        try {
            return new FuzzSubtask(
                    start,
                    task,
                    model,
                    FuzzSchema.complete(model),
                    keys,
                    new Random(2),
                    coverage,
                    log);
        } catch (Exception | AssertionError e) {
            task.close();
            throw e;
        }
    }

    /** Takes a checkpoint, and another one if the first fails. */
    private void checkpoint(FuzzSubtask subtask, SnapshotType type) throws Exception {
        endIfCancelled();
        long id = nextId++;
        jobManager.trigger(id, 1, TestJobManager.CHECKPOINT);
        StateModel captured = subtask.model.copy();
        plan.mayCrash();
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future = trigger(subtask, id, type);
        KeyedStateHandle handle = write(future);
        assertThat(subtask.task.database().getLongProperty("rocksdb.num-snapshots")).isZero();
        if (handle == null) {
            plan.makeRoom();
            jobManager.abort(id);
            subtask.task.backend().notifyCheckpointAborted(id);
            assertOnlyReferencedFiles();
            checkpoint(subtask, type);
            return;
        }
        try {
            plan.mayCrash();
        } catch (IOException e) {
            StateUtil.discardStateFuture(future); // as a task does that is cancelled
            throw e;
        }
        jobManager.acknowledge(id, 0, handle);
        completed = captured;
        plan.mayCrash();
        subtask.task.backend().notifyCheckpointComplete(id);
    }

    /** Cold rows are read while it is written. */
    private void canonicalSavepoint(FuzzSubtask subtask) throws Exception {
        endIfCancelled();
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                trigger(subtask, nextId++, SavepointType.savepoint(SavepointFormatType.CANONICAL));
        KeyedStateHandle handle = write(future);
        if (handle != null) {
            handle.discardState();
        }
        assertThat(subtask.task.database().getLongProperty("rocksdb.num-snapshots")).isZero();
        plan.makeRoom();
    }

    private RunnableFuture<SnapshotResult<KeyedStateHandle>> trigger(
            FuzzSubtask subtask, long id, SnapshotType type) throws Exception {
        return subtask.task.trigger(
                id,
                CheckpointOptions.alignedNoTimeout(
                        type, CheckpointStorageLocationReference.getDefault()),
                streams -> type.isSavepoint() ? streams : new FaultyStreams(streams, plan));
    }

    /** Runs an asynchronous part; null if it failed as planned. */
    private KeyedStateHandle write(RunnableFuture<SnapshotResult<KeyedStateHandle>> future)
            throws Exception {
        Thread task = Thread.currentThread();
        plan.onCancel(() -> future.cancel(true));
        future.run();
        Thread.interrupted(); // the thread of the asynchronous part is another one
        plan.onCancel(task::interrupt);
        try {
            return future.get().getJobManagerOwnedSnapshot();
        } catch (ExecutionException | CancellationException e) {
            expected(e);
            return null;
        }
    }

    /** What Flink does: another thread closes what the task waits for, and interrupts it. */
    private void cancelTask(Thread task, CloseableRegistry cancel) {
        cancelled = true;
        new Thread(
                        () -> {
                            task.interrupt();
                            IOUtils.closeQuietly(cancel);
                        },
                        "canceller")
                .start();
        try {
            new CountDownLatch(1).await();
            throw new AssertionError("unreachable");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LazyStateException(Kind.CLOSED, Where.NOWHERE, "interrupted", e);
        }
    }

    private void expected(Exception e) throws Exception {
        if (!plan.explains(e)) {
            throw e;
        }
    }

    private void assertOnlyReferencedFiles() throws Exception {
        Set<Path> referenced = new HashSet<>();
        for (CompletedCheckpoint checkpoint : jobManager.retained()) {
            String path = checkpoint.getExternalPointer();
            referenced.add(Path.of(URI.create(path).getPath(), "_metadata"));
            for (KeyedStateHandle handle :
                    TestJobManager.handles(
                            jobManager.load(path, TestJobManager.CHECKPOINT),
                            KeyGroupRange.of(0, MAX_PARALLELISM - 1))) {
                referenced.addAll(WrittenCheckpoint.files(handle));
            }
        }
        try (Stream<Path> files = Files.walk(store)) {
            Set<Path> found = new TreeSet<>(files.filter(Files::isRegularFile).toList());
            assertThat(found).as("files of the store").isSubsetOf(referenced);
        }
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(store, config, keyGroups, r -> r, job, MAX_PARALLELISM);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }
}
