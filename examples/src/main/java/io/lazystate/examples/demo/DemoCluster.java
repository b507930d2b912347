package io.lazystate.examples.demo;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;

/**
 * A MiniCluster with one TaskManager that can be lost and replaced.
 *
 * <p>Threads: one. Ownership: the caller closes it, which stops its job.
 */
final class DemoCluster implements AutoCloseable {
    private static final Duration ANSWER = Duration.ofMinutes(1);
    private static final Duration CHECKPOINT = Duration.ofMinutes(15);
    private static final int ONLY = 0;

    private final MiniCluster cluster;
    private final ClusterFolders folders;

    private DemoCluster(MiniCluster cluster, ClusterFolders folders) {
        this.cluster = cluster;
        this.folders = folders;
    }

    static DemoCluster start(Configuration configuration, ClusterFolders folders, int slots)
            throws DemoException {
        MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(configuration)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(slots)
                                .withRandomPorts()
                                .build());
        try {
            cluster.start();
        } catch (Exception e) {
            throw new DemoException("The MiniCluster did not start", e);
        }
        return new DemoCluster(cluster, folders);
    }

    JobID submit(JobGraph job) throws DemoException {
        get("submit the job", cluster.submitJob(job), ANSWER);
        return job.getJobID();
    }

    /** Takes a checkpoint and returns the size of its state in bytes. */
    long checkpoint(JobID job) throws DemoException {
        get("complete a checkpoint", cluster.triggerCheckpoint(job), CHECKPOINT);
        var latest =
                graph(job).getCheckpointStatsSnapshot().getHistory().getLatestCompletedCheckpoint();
        if (latest == null) {
            throw new DemoException("Flink reports no completed checkpoint", null);
        }
        return latest.getStateSize();
    }

    AccessExecutionGraph graph(JobID job) throws DemoException {
        return get("describe the job", cluster.getExecutionGraph(job), ANSWER);
    }

    /** Whether the job is over, well or not. */
    boolean isOver(JobID job) throws DemoException {
        return get("tell the job's status", cluster.getJobStatus(job), ANSWER)
                .isGloballyTerminalState();
    }

    JobResult result(JobID job) throws DemoException {
        return get("tell the job's result", cluster.requestJobResult(job), ANSWER);
    }

    /** Ends the TaskManager, removes all its local files and starts a new one. */
    void replaceTaskManager() throws DemoException {
        get("end the TaskManager", cluster.terminateTaskManager(ONLY), ANSWER);
        try {
            folders.wipeLocal();
            cluster.startTaskManager();
        } catch (Exception e) {
            throw new DemoException("No new TaskManager could be started", e);
        }
    }

    @Override
    public void close() {
        try {
            cluster.closeAsync().get(ANSWER.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            throw new IllegalStateException("The MiniCluster did not stop", e);
        }
    }

    private static <T> T get(String what, CompletableFuture<T> answer, Duration timeout)
            throws DemoException {
        try {
            return answer.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DemoException("Interrupted while waiting for Flink to " + what, e);
        } catch (TimeoutException e) {
            throw new DemoException(
                    "Flink did not " + what + " within " + timeout.toSeconds() + " s", e);
        } catch (ExecutionException e) {
            throw new DemoException("Flink failed to " + what, e.getCause());
        }
    }
}
