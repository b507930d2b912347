package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.apache.flink.runtime.execution.CancelTaskException;
import org.apache.flink.util.ExceptionUtils;

/**
 * Counts the steps of a scenario, and lets one of them go wrong in one way.
 *
 * <p>Threads: any; reads come from several, so that which of them is the n-th may differ.
 */
final class FaultPlan {
    /** What a fault says of itself. */
    static final String MARK = "the fault plan";

    /** What can go wrong. */
    enum Fault {
        /** The step is not taken. */
        FAILS,
        /** Half of it is done. */
        FAILS_HALFWAY,
        /** All of it is done, but its caller hears that it failed. */
        FAILS_BEHIND,
        /** Bytes arrive with a bit that is not theirs. */
        DAMAGED,
        /** Whoever takes the step is cancelled at its beginning. */
        CANCELLED,
        /** Whoever takes the step is cancelled at its end. */
        CANCELLED_BEHIND,
        /** The local disk takes no new file from now on. */
        DISK_FULL,
        /** The edge cache's disk takes no new file from now on. */
        CACHE_FULL(CacheDirectory::fill),
        /** The edge cache's directory cannot be used from now on. */
        CACHE_LOST(CacheDirectory::lose),
        /** What is in the edge cache cannot be read. */
        CACHE_UNREADABLE(CacheDirectory::makeUnreadable),
        /** What is in the edge cache has bits that are not its own. */
        CACHE_DAMAGED(CacheDirectory::damage),
        /** What is in the edge cache is cut. */
        CACHE_CUT(CacheDirectory::truncate);

        private final CacheFault ofCache;

        Fault() {
            this(null);
        }

        Fault(CacheFault ofCache) {
            this.ofCache = ofCache;
        }
    }

    @FunctionalInterface
    private interface CacheFault {
        void happensTo(CacheDirectory cache) throws IOException;
    }

    /** What happens to the edge cache alone, so that no task must notice. */
    private static final Set<Fault> OF_CACHE = EnumSet.range(Fault.CACHE_FULL, Fault.CACHE_CUT);

    /** What is counted. */
    enum Step {
        READ(Fault.FAILS, Fault.DAMAGED, Fault.CANCELLED, Fault.DISK_FULL),
        DOWNLOAD(Fault.FAILS, Fault.FAILS_HALFWAY, Fault.DAMAGED, Fault.CANCELLED, Fault.DISK_FULL),
        CREATE(Fault.FAILS, Fault.CANCELLED, Fault.CANCELLED_BEHIND, Fault.DISK_FULL),
        WRITE(Fault.FAILS, Fault.FAILS_HALFWAY, Fault.FAILS_BEHIND, Fault.CANCELLED),
        CLOSE(Fault.FAILS, Fault.FAILS_BEHIND, Fault.CANCELLED, Fault.CANCELLED_BEHIND),
        /** Of the task itself: a place where it may crash. */
        TASK(Fault.FAILS, Fault.DISK_FULL);

        private final Set<Fault> faults;

        Step(Fault first, Fault... others) {
            faults = EnumSet.of(first, others);
        }

        /** Whether the edge cache has a part in it: checkpoints are not written through it. */
        boolean touchesCache() {
            return this == READ || this == DOWNLOAD || this == TASK;
        }

        /** What can go wrong at it. */
        Set<Fault> faults(boolean withCache) {
            Set<Fault> all = EnumSet.copyOf(faults);
            if (withCache && touchesCache()) {
                all.addAll(OF_CACHE);
            }
            return all;
        }
    }

    /** Something that happens to the task or its machine; may throw. */
    @FunctionalInterface
    interface Event {
        void happen() throws IOException;
    }

    private final int which;
    private final Fault planned;
    private Fault fault;
    private final LocalDisk disk;
    private final CacheDirectory cache;
    private final List<Step> steps = new ArrayList<>();
    private Event cancel = () -> {};
    private volatile boolean fired;
    private volatile boolean diskFull;

    /** As below, without an edge cache that could go wrong. */
    FaultPlan(int which, Fault fault, LocalDisk disk) {
        this(which, fault, disk, null);
    }

    /**
     * @param which step, from 0
     * @param fault null for a plan that only counts
     * @param cache null if there is none
     */
    FaultPlan(int which, Fault fault, LocalDisk disk, CacheDirectory cache) {
        this.which = which;
        this.planned = fault;
        this.fault = fault;
        this.disk = disk;
        this.cache = cache;
    }

    /** The steps so far. */
    synchronized List<Step> steps() {
        return List.copyOf(steps);
    }

    /** Nothing goes wrong any more. */
    synchronized void calm() {
        fault = null;
    }

    /**
     * Whether an error is what the plan led to, and not one of the backend's own making.
     *
     * <p>A wrong row is never: that is an {@link AssertionError}.
     */
    boolean explains(Exception e) {
        if (!fired) {
            return false;
        }
        if (ExceptionUtils.findThrowableWithMessage(e, MARK).isPresent()) {
            return true;
        }
        LazyStateException error =
                ExceptionUtils.findThrowable(e, LazyStateException.class).orElse(null);
        return switch (planned) {
            case DAMAGED ->
                    error != null
                            && error.kind() == Kind.CORRUPT
                            && !error.getMessage().contains("missing");
            case DISK_FULL -> error != null && error.kind() == Kind.UNAVAILABLE;
            case CANCELLED, CANCELLED_BEHIND ->
                    // Here the task's thread does the asynchronous parts too, interrupted or not.
                    ExceptionUtils.findThrowable(e, InterruptedException.class).isPresent()
                            || e instanceof CancellationException
                            || ExceptionUtils.findThrowable(e, CancelTaskException.class)
                                    .isPresent()
                            || (error != null && error.kind() == Kind.CLOSED);
            default -> false;
        };
    }

    /** Whether it has gone wrong. */
    boolean fired() {
        return fired;
    }

    /** How whoever takes the next steps is cancelled. */
    synchronized void onCancel(Event event) {
        cancel = event;
    }

    /** Whether this is to go wrong in the way that the plan says: each step asks once for each. */
    Fault begin(Step step) throws IOException {
        Fault now;
        synchronized (this) {
            steps.add(step);
            if (fault == null || steps.size() - 1 != which) {
                return null;
            }
            now = step.faults(cache != null).contains(fault) ? fault : Fault.FAILS;
        }
        fired = true;
        switch (now) {
            case CANCELLED -> cancel();
            case DISK_FULL -> {
                disk.refuse();
                diskFull = true;
            }
            default -> {
                if (now.ofCache != null) {
                    now.ofCache.happensTo(cache);
                }
            }
        }
        return now;
    }

    void cancel() throws IOException {
        Event event;
        synchronized (this) {
            event = cancel;
        }
        event.happen();
    }

    /** Makes room on the disk if the plan has filled it. */
    void makeRoom() throws IOException {
        if (diskFull) {
            diskFull = false;
            disk.accept();
        }
    }

    /** A place where the task may crash. */
    void mayCrash() throws IOException {
        if (begin(Step.TASK) == Fault.FAILS) {
            throw failure();
        }
    }

    static IOException failure() {
        return new IOException(MARK + " lets this fail");
    }

    static LazyStateException unavailable() {
        return new LazyStateException(
                Kind.UNAVAILABLE, Where.NOWHERE, MARK + " lets this fail", null);
    }
}
