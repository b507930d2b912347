package io.lazystate.examples.demo;

import io.lazystate.examples.flights.FlightsJob;
import io.lazystate.examples.flights.source.FlightSource;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.execution.ExecutionState;
import org.apache.flink.runtime.executiongraph.AccessExecution;
import org.apache.flink.runtime.executiongraph.AccessExecutionGraph;
import org.apache.flink.runtime.executiongraph.AccessExecutionVertex;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** One job on one cluster, with the ways to wait for it. Threads: one. */
final class Run {
    private static final long POLL_MILLIS = 20;

    /** Asking for the status is dear, so it is done once in so many polls. */
    private static final int POLLS_PER_STATUS = 10;

    private static final int MAX_PARALLELISM = 128;

    private final DemoCluster cluster;
    private final JobID job;

    private Run(DemoCluster cluster, JobID job) {
        this.cluster = cluster;
        this.job = job;
    }

    static Run submit(
            DemoCluster cluster,
            Configuration settings,
            Plan plan,
            RunControl control,
            int parallelism)
            throws DemoException {
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(settings);
        env.setParallelism(parallelism);
        env.setMaxParallelism(MAX_PARALLELISM);
        env.getConfig().enableObjectReuse();
        ResultSink sink = new ResultSink(control.name());
        FlightsJob.define(
                env,
                plan.settings(),
                new FlightSource(
                        plan.file(), plan.settings().outOfOrder(), new RunGate(control.name())),
                sink,
                sink);
        JobGraph graph = env.getStreamGraph().getJobGraph();
        return new Run(cluster, cluster.submit(graph));
    }

    /** A question that is asked again and again. */
    interface Condition {
        boolean holds() throws DemoException;
    }

    /**
     * Waits until a condition holds.
     *
     * @param meanwhile called between the questions
     * @throws DemoException if the job ends before
     */
    void await(String what, Condition condition, Runnable meanwhile) throws DemoException {
        for (int poll = 1; !condition.holds(); poll++) {
            if (poll % POLLS_PER_STATUS == 0 && cluster.isOver(job)) {
                throw new DemoException(
                        "The job ended while the demo waited for " + what,
                        cluster.result(job).getSerializedThrowable().orElse(null));
            }
            meanwhile.run();
            try {
                Thread.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DemoException("Interrupted while waiting for " + what, e);
            }
        }
    }

    /** Waits until the job has finished, and fails if it did not end well. */
    void awaitEnd(Runnable meanwhile) throws DemoException {
        while (!cluster.isOver(job)) {
            meanwhile.run();
            try {
                Thread.sleep(POLL_MILLIS * POLLS_PER_STATUS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DemoException("Interrupted while waiting for the job's end", e);
            }
        }
        JobResult result = cluster.result(job);
        if (!result.isSuccess()) {
            throw new DemoException("The job failed", result.getSerializedThrowable().orElse(null));
        }
    }

    /** Takes a checkpoint and returns the size of its state in bytes. */
    long checkpoint() throws DemoException {
        return cluster.checkpoint(job);
    }

    AccessExecutionGraph graph() throws DemoException {
        return cluster.graph(job);
    }

    /**
     * When the last task began to run, in milliseconds since the epoch; 0 if one does not yet.
     *
     * @param attempt tasks of earlier attempts do not count; 0 is the first
     */
    long runningSince(int attempt) throws DemoException {
        long since = 0;
        for (AccessExecutionVertex vertex : graph().getAllExecutionVertices()) {
            AccessExecution execution = vertex.getCurrentExecutionAttempt();
            if (execution.getAttemptNumber() < attempt
                    || execution.getState() != ExecutionState.RUNNING) {
                return 0;
            }
            since = Math.max(since, execution.getStateTimestamp(ExecutionState.RUNNING));
        }
        return since;
    }
}
