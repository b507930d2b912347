package io.lazystate.examples.demo;

import io.lazystate.examples.flights.FlightsJob;
import io.lazystate.examples.flights.ResultRow;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * One run of the job in this JVM, where the demo's thread and the job's tasks meet: how far the
 * source may go, where it is, and what came out.
 *
 * <p>Tasks find it by name, since only names can be serialized into a job. Threads: any. Ownership:
 * the demo opens and closes it.
 */
final class RunControl implements AutoCloseable {
    private static final Map<String, RunControl> RUNS = new ConcurrentHashMap<>();

    private final String name;
    private final ResultBook results = new ResultBook();
    private final ResultBook expected;
    private final Runnable atFirstResult;

    private volatile long limit;
    private volatile long position;
    private volatile boolean firstResultSeen;
    private @Nullable CompletableFuture<Void> raised;

    private RunControl(String name, @Nullable ResultBook expected, Runnable atFirstResult) {
        this.name = name;
        this.expected = expected == null ? results : expected;
        this.atFirstResult = atFirstResult;
    }

    /** Starts an unbroken run, whose results others will be compared with. */
    static RunControl open(String name) {
        return register(new RunControl(name, null, () -> {}));
    }

    /**
     * Starts a run that will be broken.
     *
     * @param atFirstResult called once, by a task, at the first correct alarm after the failure
     */
    static RunControl open(String name, ResultBook expected, Runnable atFirstResult) {
        return register(new RunControl(name, expected, atFirstResult));
    }

    private static RunControl register(RunControl run) {
        if (RUNS.putIfAbsent(run.name, run) != null) {
            throw new IllegalStateException("Run '" + run.name + "' is open already");
        }
        return run;
    }

    static RunControl named(String name) {
        RunControl run = RUNS.get(name);
        if (run == null) {
            throw new IllegalStateException("Run '" + name + "' is over");
        }
        return run;
    }

    String name() {
        return name;
    }

    ResultBook results() {
        return results;
    }

    /** The position that the source has reached. */
    long position() {
        return position;
    }

    /** Lets the source go on until a position, exclusively. */
    void raiseTo(long newLimit) {
        CompletableFuture<Void> waiting;
        synchronized (this) {
            limit = newLimit;
            waiting = raised;
            raised = null;
        }
        if (waiting != null) {
            waiting.complete(null);
        }
    }

    boolean isOpen(long at) {
        position = at;
        return at < limit;
    }

    synchronized CompletableFuture<Void> whenOpen(long at) {
        if (at < limit) {
            return CompletableFuture.completedFuture(null);
        }
        CompletableFuture<Void> waiting = raised;
        if (waiting == null) {
            waiting = new CompletableFuture<>();
            raised = waiting;
        }
        return waiting;
    }

    /**
     * Takes a result.
     *
     * @param attempt of the task that it comes from; above 0 after the failure
     */
    void take(ResultRow row, int attempt) {
        boolean agrees = results.add(row, expected);
        // Windows and sessions hold little state, late rows need none: they prove no recovery.
        boolean counts = attempt > 0 && row.operator().equals(FlightsJob.ALARM);
        if (counts && agrees && !firstResultSeen) {
            synchronized (this) {
                if (firstResultSeen) {
                    return;
                }
                firstResultSeen = true;
            }
            atFirstResult.run();
        }
    }

    @Override
    public void close() {
        RUNS.remove(name);
    }
}
