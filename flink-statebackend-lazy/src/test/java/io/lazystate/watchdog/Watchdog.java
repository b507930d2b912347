package io.lazystate.watchdog;

import io.lazystate.watchdog.Watch.Verdict;
import io.lazystate.watchdog.Watch.Watched;
import java.io.PrintStream;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestSource;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Ends tests that do not end, so that a build fails and does not hang.
 *
 * <p>Whatever runs for longer than its {@link Patience} (a test, with what is done before and after
 * it, or what is done once for a class) is interrupted, and all threads are dumped to the standard
 * error stream. If it goes on for a minute more, this process ends. Registered for all engines,
 * through {@code META-INF/services}.
 *
 * <p>Threads: one of its own while tests run; tests run one at a time.
 */
public final class Watchdog implements TestExecutionListener {
    /** Long enough on a machine that is four times oversubscribed. */
    private static final Duration USUAL = Duration.ofMinutes(10);

    private static final Duration GRACE = Duration.ofMinutes(1);

    /** The JVM's exit code. */
    static final int STUCK = 86;

    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
    private static final long LEAVE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final Limits limits;
    private final PrintStream out;
    private final Exit exit;
    private final Watch watch;
    private volatile boolean over;

    /**
     * The bounds.
     *
     * @param usual how long a test may take that says nothing else
     * @param more that all tests may take beyond theirs
     * @param grace that a test has to end once it is told to
     */
    record Limits(Duration usual, Duration more, Duration grace) {
        /** How long something may take. */
        Duration of(TestIdentifier test) {
            Patience patience =
                    test.getSource().map(Limits::type).map(Limits::patience).orElse(null);
            Duration own = patience == null ? usual : Duration.ofMinutes(patience.minutes());
            return own.plus(more);
        }

        private static Class<?> type(TestSource source) {
            try {
                if (source instanceof MethodSource method) {
                    return method.getJavaClass();
                }
                return source instanceof ClassSource type ? type.getJavaClass() : null;
            } catch (RuntimeException e) {
                return null; // a class that cannot be loaded fails by itself
            }
        }

        private static Patience patience(Class<?> type) {
            Class<?> outer = type;
            Patience patience = null;
            while (outer != null && patience == null) {
                patience = outer.getAnnotation(Patience.class);
                outer = outer.getEnclosingClass();
            }
            return patience;
        }
    }

    /** How this process ends. */
    @FunctionalInterface
    interface Exit {
        void with(int code);
    }

    /** The one of the build: fuzz tests may run for longer by {@code -Dfuzz.seconds}. */
    public Watchdog() {
        this(
                new Limits(USUAL, Duration.ofSeconds(Long.getLong("fuzz.seconds", 0L)), GRACE),
                System.err,
                Watchdog::halt);
    }

    /** Without shutdown hooks, which may hang too; what was printed is on its way to the build. */
    private static void halt(int code) {
        LockSupport.parkNanos(LEAVE_NANOS);
        Runtime.getRuntime().halt(code);
    }

    Watchdog(Limits limits, PrintStream out, Exit exit) {
        this.limits = limits;
        this.out = out;
        this.exit = exit;
        this.watch = new Watch(limits.grace().toNanos());
    }

    @Override
    public void testPlanExecutionStarted(TestPlan tests) {
        over = false;
        Thread thread = new Thread(this::run, "watchdog");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void testPlanExecutionFinished(TestPlan tests) {
        over = true;
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        watch.begin(
                new Watched(test.getUniqueId(), Thread.currentThread(), limits.of(test).toNanos()),
                System.nanoTime());
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        if (watch.end(test.getUniqueId(), System.nanoTime())) {
            Thread.interrupted(); // it was meant for this one
        }
    }

    private void run() {
        while (!over) {
            look();
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /** Does what there is to be done now. */
    void look() {
        Watched current = watch.current();
        Verdict verdict = watch.check(System.nanoTime());
        if (current != null && verdict != Verdict.IN_TIME) {
            end(current, verdict);
        }
    }

    private void end(Watched current, Verdict verdict) {
        long seconds = TimeUnit.NANOSECONDS.toSeconds(current.allowedNanos());
        boolean stuck = verdict == Verdict.STUCK;
        out.println(
                stuck
                        ? "WATCHDOG: " + current.name() + " does not end; this JVM does"
                        : "WATCHDOG: " + current.name() + " runs for more than " + seconds + " s");
        out.println(ThreadDump.now());
        out.flush();
        if (stuck) {
            exit.with(STUCK);
        } else {
            watch.interrupt(current);
        }
    }
}
