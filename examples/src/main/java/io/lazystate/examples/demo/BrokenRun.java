package io.lazystate.examples.demo;

import io.lazystate.examples.store.EmulatedStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;

/**
 * The job with a failure: builds state, takes a checkpoint, loses the TaskManager, restores on a
 * new one, and measures from when the JobManager saw the failure. Threads: one, used once.
 */
final class BrokenRun {
    private final DemoOptions options;
    private final Plan plan;
    private final Backend backend;
    private final ClusterFolders folders;
    private final Progress progress;
    private final EmulatedStore store;

    private volatile Recovery.Loaded first = Recovery.Loaded.NEVER;
    private volatile long bytesReadBefore;
    private OptionalLong residentAt = OptionalLong.empty();

    BrokenRun(DemoOptions options, Plan plan, Backend backend, Path folder, Progress progress) {
        this.options = options;
        this.plan = plan;
        this.backend = backend;
        this.folders = new ClusterFolders(folder);
        this.progress = progress;
        this.store = EmulatedStore.named(backend.label());
    }

    Recovery measure(ResultBook expected) throws DemoException, IOException {
        folders.create();
        store.setProfile(options.store());
        Configuration settings =
                ClusterSettings.of(backend.type(), options.loadingMode(), backend.label(), folders);
        try (RunControl control =
                        RunControl.open(backend.label(), expected, this::firstResultIsThere);
                DemoCluster cluster = DemoCluster.start(settings, folders, options.parallelism())) {
            Run run = Run.submit(cluster, settings, plan, control, options.parallelism());
            long stateBytes = build(run, control);
            long failedAt = fail(run, cluster, control);
            long runningAt = restore(run, control, failedAt);
            finish(run, control, runningAt, failedAt);
            return new Recovery(
                    stateBytes,
                    control.results().differences(expected),
                    runningAt - failedAt,
                    since(failedAt, first.atMillis()),
                    since(failedAt, residentAt),
                    first,
                    store.bytesRead() - bytesReadBefore);
        } finally {
            folders.delete();
        }
    }

    private long build(Run run, RunControl control) throws DemoException {
        run.await("the tasks to run", () -> run.runningSince(0) > 0, () -> {});
        control.raiseTo(plan.built());
        run.await(
                "the state to be built",
                () -> control.position() >= plan.built(),
                () -> progress.share("building state", control.position(), plan.built()));
        progress.say("state built from %,d flights; taking a checkpoint", plan.built());
        long start = System.currentTimeMillis();
        long stateBytes = run.checkpoint();
        progress.say(
                "checkpoint done: %.1f MB in %.1f s",
                stateBytes / 1e6, (System.currentTimeMillis() - start) / 1e3);
        return stateBytes;
    }

    /** Returns when the JobManager saw the failure, in milliseconds since the epoch. */
    private long fail(Run run, DemoCluster cluster, RunControl control) throws DemoException {
        control.raiseTo(plan.lost());
        run.await("more flights", () -> control.position() >= plan.lost(), () -> {});
        control.raiseTo(plan.built());
        bytesReadBefore = store.bytesRead();
        cluster.replaceTaskManager();
        long[] failedAt = new long[1];
        run.await(
                "the JobManager to see the failure",
                () -> {
                    failedAt[0] = run.graph().getStatusTimestamp(JobStatus.RESTARTING);
                    return failedAt[0] > 0;
                },
                () -> {});
        progress.say(
                "TaskManager lost, %,d flights behind the checkpoint with it; a new one starts",
                plan.lost() - plan.built());
        return failedAt[0];
    }

    /** Returns when all tasks were running again, in milliseconds since the epoch. */
    private long restore(Run run, RunControl control, long failedAt) throws DemoException {
        long[] runningAt = new long[1];
        run.await(
                "the tasks to run again",
                () -> {
                    runningAt[0] = run.runningSince(1);
                    return runningAt[0] > 0;
                },
                () -> letFlightsArrive(control, failedAt));
        progress.say("running after %.2f s", (runningAt[0] - failedAt) / 1e3);
        return runningAt[0];
    }

    private void finish(Run run, RunControl control, long runningAt, long failedAt)
            throws DemoException {
        if (backend == Backend.ROCKSDB) {
            residentAt = OptionalLong.of(runningAt);
        }
        long patience = runningAt + options.residentTimeout().toMillis();
        run.await(
                "the last flight and full residency",
                () -> {
                    noteResidency();
                    boolean patient = System.currentTimeMillis() < patience;
                    return control.position() >= plan.flights()
                            && (residentAt.isPresent() || !patient);
                },
                () -> {
                    letFlightsArrive(control, failedAt);
                    progress.share(
                            "catching up",
                            control.position() - plan.built(),
                            plan.flights() - plan.built());
                });
        control.raiseTo(plan.flights() + 1);
        run.awaitEnd(() -> progress.share("closing windows", 1, 1));
        progress.say("results: %s", control.results().sizes());
    }

    /** From the failure on, flights arrive at the rate asked for; the job catches up. */
    private void letFlightsArrive(RunControl control, long failedAt) {
        long arrived = plan.flights();
        if (options.rate() > 0) {
            long millis = System.currentTimeMillis() - failedAt;
            arrived = Math.min(arrived, plan.built() + millis * options.rate() / 1_000);
        }
        control.raiseTo(arrived);
    }

    private void noteResidency() {
        if (residentAt.isEmpty() && LoadingReporter.residentFraction().orElse(0) >= 1) {
            residentAt = OptionalLong.of(System.currentTimeMillis());
        }
    }

    private void firstResultIsThere() {
        first =
                new Recovery.Loaded(
                        OptionalLong.of(System.currentTimeMillis()),
                        LoadingReporter.pagesLoaded(),
                        LoadingReporter.pagesTotal(),
                        OptionalLong.of(store.bytesRead() - bytesReadBefore));
    }

    private static OptionalLong since(long start, OptionalLong end) {
        return end.isPresent() ? OptionalLong.of(end.getAsLong() - start) : end;
    }
}
