package io.lazystate.backend;

import io.lazystate.backend.Coverage.Event;
import io.lazystate.backend.FaultPlan.Fault;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBOptions;

/** Starts subtasks with random settings and key groups, and notes what their handles were like. */
final class FuzzStarts {
    /** A checkpoint that is taken only to be restored once. */
    private static final long SIDE_CHECKPOINT = 1_000_000;

    /** Where the checkpoints of all jobs are, and the databases of all tasks. */
    record Directories(Path checkpoints, Path local) {}

    private final Directories directories;
    private final int maxParallelism;
    private final List<Long> keys;
    private final Random random;
    private final Coverage coverage;
    private final StepLog log;
    private final FuzzThreads threads;
    private FaultPlan trouble;

    FuzzStarts(
            Directories directories,
            int maxParallelism,
            List<Long> keys,
            Random random,
            Coverage coverage,
            StepLog log,
            FuzzThreads threads) {
        this.directories = directories;
        this.maxParallelism = maxParallelism;
        this.keys = keys;
        this.random = random;
        this.coverage = coverage;
        this.log = log;
        this.threads = threads;
    }

    TestTask.Start settings(JobID job, KeyGroupRange keyGroups) {
        Configuration config = FuzzSettings.draw(random);
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, directories.local().toString());
        FuzzSettings.drawEdgeCache(random, config, directories.local().resolveSibling("edge"));
        coverage.hitIf(FuzzSettings.inlines(config), Event.FILES_INLINED);
        return new TestTask.Start(
                directories.checkpoints(),
                config,
                keyGroups,
                r -> r,
                job,
                maxParallelism,
                threads::database);
    }

    /** Cuts the key groups at random places. */
    List<KeyGroupRange> split(int mostSubtasks) {
        TreeSet<Integer> cuts = new TreeSet<>(List.of(maxParallelism));
        for (int i = random.nextInt(mostSubtasks); i > 0; i--) {
            cuts.add(1 + random.nextInt(maxParallelism));
        }
        List<KeyGroupRange> ranges = new ArrayList<>();
        int from = 0;
        for (int cut : cuts) {
            ranges.add(KeyGroupRange.of(from, cut - 1));
            from = cut;
        }
        return ranges;
    }

    /**
     * Starts one subtask.
     *
     * @param restored null for a fresh start
     * @param model what the whole checkpoint holds
     * @param schema what the code knows of it
     */
    FuzzSubtask start(
            JobID job,
            KeyGroupRange keyGroups,
            CompletedCheckpoint restored,
            StateModel model,
            FuzzSchema schema)
            throws Exception {
        Collection<KeyedStateHandle> handles =
                restored == null ? List.of() : TestJobManager.handles(restored, keyGroups);
        note(handles, keyGroups);
        return subtask(settings(job, keyGroups), handles, model.within(keyGroups), schema);
    }

    private FuzzSubtask subtask(
            TestTask.Start start,
            Collection<KeyedStateHandle> handles,
            StateModel model,
            FuzzSchema schema)
            throws Exception {
        if (random.nextInt(12) == 0) {
            restoreInVain(start, handles);
        }
        TestTask task = TestTask.restore(trouble == null ? start : faulty(start, trouble), handles);
        try {
            return new FuzzSubtask(start, task, model, schema, keys, random, coverage, log);
        } catch (Exception | AssertionError e) {
            task.close();
            throw e;
        }
    }

    private static TestTask.Start faulty(TestTask.Start start, FaultPlan plan) {
        return start.reading(store -> new FaultyReader(store, plan));
    }

    /**
     * Tasks that are started from now on read under this plan.
     *
     * @param plan null for a store without trouble
     */
    void trouble(FaultPlan plan) {
        trouble = plan;
    }

    /** A read fails, or brings damaged bytes; if it is one of the restore's, that fails. */
    private void restoreInVain(TestTask.Start start, Collection<KeyedStateHandle> handles)
            throws Exception {
        Fault fault = random.nextBoolean() ? Fault.FAILS : Fault.DAMAGED;
        FaultPlan plan = new FaultPlan(random.nextInt(6), fault, null);
        try {
            TestTask.restore(faulty(start, plan), handles).close();
        } catch (BackendBuildingException e) {
            if (!plan.explains(e)) {
                throw e;
            }
            log.note("a restore failed");
            coverage.hit(Event.FAILED_RESTORE);
        }
    }

    /** Restores a checkpoint on the side, and compares everything. */
    void verify(CompletedCheckpoint restored, StateModel model) throws Exception {
        FaultPlan before = trouble;
        trouble = null;
        try {
            verifyAside(restored, model);
        } finally {
            trouble = before;
        }
    }

    private void verifyAside(CompletedCheckpoint restored, StateModel model) throws Exception {
        JobID side = new JobID();
        FuzzSchema schema = FuzzSchema.draw(random, model);
        for (KeyGroupRange keyGroups : split(3)) {
            KeyedStateHandle again = null;
            StateModel part = null;
            try (FuzzSubtask subtask = start(side, keyGroups, restored, model, schema)) {
                if (random.nextInt(3) > 0) {
                    subtask.checkAll();
                    subtask.drainTimers();
                } else {
                    again = untouched(subtask);
                    part = subtask.model;
                }
            }
            if (again != null) {
                try (FuzzSubtask subtask =
                        subtask(
                                settings(side, keyGroups),
                                List.of(again),
                                part.copy(),
                                FuzzSchema.complete(part))) {
                    subtask.checkAll();
                    subtask.drainTimers();
                }
            }
        }
    }

    /** A self-contained checkpoint of what was restored and not touched since. */
    private static KeyedStateHandle untouched(FuzzSubtask subtask) throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                subtask.task.trigger(
                        SIDE_CHECKPOINT,
                        CheckpointOptions.alignedNoTimeout(
                                CheckpointType.FULL_CHECKPOINT,
                                CheckpointStorageLocationReference.getDefault()));
        future.run();
        return future.get().getJobManagerOwnedSnapshot();
    }

    private void note(Collection<KeyedStateHandle> handles, KeyGroupRange keyGroups)
            throws Exception {
        coverage.hitIf(handles.size() > 1, Event.RESTORE_OF_SEVERAL_HANDLES);
        int runs = 0;
        int deltas = 0;
        for (KeyedStateHandle handle : handles) {
            if (handle instanceof IncrementalRemoteKeyedStateHandle) {
                KeyGroupRange shared = handle.getKeyGroupRange().getIntersection(keyGroups);
                coverage.hitIf(
                        shared.getNumberOfKeyGroups()
                                < handle.getKeyGroupRange().getNumberOfKeyGroups(),
                        Event.RESTORE_OF_CLIPPED_EXTENTS);
                for (StateLayout layout :
                        new WrittenCheckpoint(handle).manifest().states().values()) {
                    for (Extent extent : layout.extents()) {
                        runs = Math.max(runs, extent.runs());
                        deltas = Math.max(deltas, extent.deltas().size());
                    }
                }
            }
        }
        coverage.hitIf(deltas >= 2, Event.RESTORE_WITH_TWO_DELTAS);
        if (runs > RunBoundTest.MOST_RUNS) {
            throw new AssertionError("an extent needs " + runs + " runs");
        }
    }
}
