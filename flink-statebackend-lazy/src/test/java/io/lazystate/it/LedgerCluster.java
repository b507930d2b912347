package io.lazystate.it;

import io.lazystate.backend.LazyStateOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.MetricOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.checkpoint.CheckpointStatsSnapshot;
import org.apache.flink.runtime.checkpoint.CompletedCheckpointStats;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.ErrorInfo;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.testutils.CommonTestUtils;
import org.apache.flink.runtime.testutils.InMemoryReporter;

/** A MiniCluster that runs {@link LedgerJob} with the lazy backend, one execution at a time. */
final class LedgerCluster implements AutoCloseable {
    private static final int SLOTS = 3;
    private static final long PATIENCE_SECONDS = 180;

    private final InMemoryReporter metrics = InMemoryReporter.createWithRetainedMetrics();
    private final Configuration jobSettings;
    private final MiniCluster cluster;
    private final HttpClient http = HttpClient.newHttpClient();

    /**
     * How an execution ended.
     *
     * @param latestCheckpoint null if none was completed
     * @param failure of the job; null if it did not fail
     */
    record Outcome(JobID job, JobStatus status, String latestCheckpoint, Throwable failure) {}

    private LedgerCluster(Configuration jobSettings, Configuration more) {
        this.jobSettings = jobSettings;
        Configuration clusterSettings = new Configuration(jobSettings);
        clusterSettings.addAll(more);
        clusterSettings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(96));
        clusterSettings.set(MetricOptions.METRIC_FETCHER_UPDATE_INTERVAL, Duration.ofMillis(50));
        metrics.addToConfiguration(clusterSettings);
        this.cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(clusterSettings)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(SLOTS)
                                .withRandomPorts()
                                .build());
    }

    static LedgerCluster start(String loadingMode) throws Exception {
        return start(loadingMode, new Configuration());
    }

    /**
     * As above, with further settings of the cluster, such as how its checkpoint store is reached.
     */
    static LedgerCluster start(String loadingMode, Configuration more) throws Exception {
        Configuration settings = new Configuration(more);
        settings.set(
                StateBackendOptions.STATE_BACKEND, "io.lazystate.backend.LazyStateBackendFactory");
        settings.setString("state.backend.lazy.loading-mode", loadingMode);
        settings.setString("state.backend.lazy.page-size", "4 kb");
        settings.setString("state.backend.lazy.extent-size", "64 kb");
        // Each key has a timer: with prefetching, a lazy job might never wait for a row.
        settings.set(LazyStateOptions.PREFETCH_ENABLED, !loadingMode.equals("LAZY"));
        settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(100));
        settings.set(
                CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
                ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        settings.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        settings.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 1);
        settings.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ZERO);
        LedgerCluster started = new LedgerCluster(settings, more);
        started.cluster.start();
        return started;
    }

    /**
     * Runs the job from the beginning to its end, whatever that is.
     *
     * @param checkpoints the URI of a directory
     */
    Outcome run(String checkpoints, LedgerJob.Execution execution) throws Exception {
        return run(checkpoints, execution, new Configuration());
    }

    /** As above, with settings of the job that win over the usual ones. */
    Outcome run(String checkpoints, LedgerJob.Execution execution, Configuration more)
            throws Exception {
        return run(graph(checkpoints, execution, more));
    }

    /** Runs the job over a bounded input in Flink's batch mode, to its end, whatever that is. */
    Outcome runBatch(LedgerJob.Execution execution, Configuration more) throws Exception {
        Configuration settings = new Configuration(jobSettings);
        settings.set(ExecutionOptions.RUNTIME_MODE, RuntimeExecutionMode.BATCH);
        settings.addAll(more);
        return run(LedgerJob.batchGraph(settings, execution));
    }

    /** Runs the job from a checkpoint to its end, whatever that is. */
    Outcome resume(
            String checkpoint,
            RecoveryClaimMode claimMode,
            String checkpoints,
            LedgerJob.Execution execution)
            throws Exception {
        return resume(checkpoint, claimMode, checkpoints, execution, new Configuration());
    }

    /** As above, with settings of the job that win over the usual ones. */
    Outcome resume(
            String checkpoint,
            RecoveryClaimMode claimMode,
            String checkpoints,
            LedgerJob.Execution execution,
            Configuration more)
            throws Exception {
        JobGraph graph = graph(checkpoints, execution, more);
        graph.setSavepointRestoreSettings(
                SavepointRestoreSettings.forPath(checkpoint, false, claimMode));
        return run(graph);
    }

    /** Starts the job without checkpoints but those that are asked for. */
    JobID submit(String checkpoints, LedgerJob.Execution execution) throws Exception {
        return submit(graph(checkpoints, execution, onlyAskedFor()));
    }

    /** As above, from a checkpoint of which nothing is hydrated. */
    JobID submitCold(String checkpoint, String checkpoints, LedgerJob.Execution execution)
            throws Exception {
        Configuration settings = onlyAskedFor();
        settings.setString("state.backend.lazy.hydration.enabled", "false");
        JobGraph graph = graph(checkpoints, execution, settings);
        graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(checkpoint));
        return submit(graph);
    }

    private JobID submit(JobGraph graph) throws Exception {
        JobID job = graph.getJobID();
        cluster.submitJob(graph).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        CommonTestUtils.waitForAllTaskRunning(cluster, job, false); // else checkpoints are declined
        return job;
    }

    private static Configuration onlyAskedFor() {
        Configuration settings = new Configuration();
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofDays(1));
        return settings;
    }

    /** Completes a checkpoint of a running job; returns where it is. */
    String checkpoint(JobID job) throws Exception {
        return cluster.triggerCheckpoint(job).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** Completes a savepoint of a running job; returns where it is. */
    String savepoint(JobID job, String directory, SavepointFormatType format) throws Exception {
        return cluster.triggerSavepoint(job, directory, false, format)
                .get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /**
     * Starts the job from a checkpoint, and no checkpoint after that: so it processes a few events
     * and then waits for more until it is cancelled.
     */
    JobID resumeAndStay(String checkpoint, String checkpoints, LedgerJob.Execution execution)
            throws Exception {
        Configuration settings = new Configuration(jobSettings);
        settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints);
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofDays(1));
        JobGraph graph = LedgerJob.graph(settings, execution);
        graph.setSavepointRestoreSettings(
                SavepointRestoreSettings.forPath(checkpoint, false, RecoveryClaimMode.CLAIM));
        cluster.submitJob(graph).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        return graph.getJobID();
    }

    void cancel(JobID job) throws Exception {
        cluster.cancelJob(job).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        cluster.requestJobResult(job).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    private URI restAddress() throws Exception {
        return cluster.getRestAddress().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }

    /** What Flink's REST API answers. */
    String rest(String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(restAddress().resolve(path)).build();
        return http.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    private JobGraph graph(String checkpoints, LedgerJob.Execution execution, Configuration more) {
        Configuration settings = new Configuration(jobSettings);
        settings.addAll(more);
        settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints);
        return LedgerJob.graph(settings, execution);
    }

    private Outcome run(JobGraph graph) throws Exception {
        JobID job = graph.getJobID();
        cluster.submitJob(graph).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        cluster.requestJobResult(job).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        AccessExecutionGraph end =
                cluster.getExecutionGraph(job).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        return new Outcome(job, end.getState(), latestCheckpoint(end), failure(end));
    }

    private static String latestCheckpoint(AccessExecutionGraph end) {
        CheckpointStatsSnapshot stats = end.getCheckpointStatsSnapshot();
        CompletedCheckpointStats latest =
                stats == null ? null : stats.getHistory().getLatestCompletedCheckpoint();
        return latest == null ? null : latest.getExternalPath();
    }

    private static Throwable failure(AccessExecutionGraph end) {
        ErrorInfo failure = end.getFailureInfo();
        return failure == null
                ? null
                : failure.getException().deserializeError(LedgerCluster.class.getClassLoader());
    }

    /** Whether a subtask of the job had its state in the lazy backend. */
    boolean usedLazyBackend(JobID job) {
        return metrics.getMetricsByGroup().entrySet().stream()
                .anyMatch(
                        group ->
                                job.toString().equals(jobId(group.getKey()))
                                        && group.getValue().containsKey("residentFraction"));
    }

    /** A counter of the lazy backend, summed over all subtasks and attempts of a job. */
    long counted(JobID job, String counter) {
        return metrics.getMetricsByGroup().entrySet().stream()
                .filter(group -> job.toString().equals(jobId(group.getKey())))
                .map(group -> (Gauge<?>) group.getValue().get(counter))
                .filter(Objects::nonNull)
                .mapToLong(gauge -> (Long) gauge.getValue())
                .sum();
    }

    private static String jobId(MetricGroup group) {
        return group.getAllVariables().get("<job_id>");
    }

    @Override
    public void close() throws IOException {
        try {
            cluster.close();
        } catch (Exception e) {
            throw new IOException("The MiniCluster did not stop", e);
        }
    }
}
