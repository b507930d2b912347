package io.lazystate.watchdog;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.Condition;
import io.lazystate.watchdog.Watch.Verdict;
import io.lazystate.watchdog.Watch.Watched;
import io.lazystate.watchdog.Watchdog.Limits;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestSource;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.EngineDescriptor;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Whether tests that hang are ended, and others are left alone. */
class WatchdogTest {
    private static final Duration LONG = Duration.ofDays(1);
    private static final Duration TINY = Duration.ofNanos(1);

    /** Needs time. */
    @Patience(minutes = 30)
    private static class Slow {
        /** Has what is around it. */
        private static final class Part {}
    }

    private static final class SlowToo extends Slow {}

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    private final AtomicInteger exit = new AtomicInteger();
    private Watchdog watchdog;

    @AfterEach
    void stop() {
        if (watchdog != null) {
            watchdog.testPlanExecutionFinished(null);
        }
    }

    // ------------------------------------------------------------------ what is done

    @Test
    void aTestThatHangsIsInterruptedAndAllThreadsAreDumped() throws Exception {
        watchdog = watchdog(new Limits(TINY, Duration.ZERO, LONG));
        Thread test = new Thread(() -> run("hangs", WatchdogTest::hang), "hanging thread");
        test.start();
        Condition.await("it hangs", () -> test.getState() == Thread.State.WAITING);

        watchdog.look();

        test.join();
        assertThat(written.toString(StandardCharsets.UTF_8))
                .contains("hangs")
                .contains("\"hanging thread\" WAITING on java.util.concurrent.CountDownLatch")
                .contains("io.lazystate.watchdog.WatchdogTest.hang(")
                .contains("\"main\"");
        assertThat(exit).hasValue(0);
    }

    @Test
    void itLooksByItself() throws Exception {
        watchdog = watchdog(new Limits(TINY, Duration.ZERO, LONG));
        watchdog.testPlanExecutionStarted((TestPlan) null);
        Thread test = new Thread(() -> run("hangs", WatchdogTest::hang));
        test.start();
        test.join();
        assertThat(written.toString(StandardCharsets.UTF_8)).contains("hangs");
    }

    @Test
    void whatDoesNotHeedTheInterruptEndsTheProcess() throws Exception {
        watchdog = watchdog(new Limits(TINY, Duration.ZERO, TINY));
        Thread test =
                new Thread(
                        () ->
                                run(
                                        "is deaf",
                                        () -> {
                                            while (exit.get() == 0) {
                                                Thread.onSpinWait();
                                            }
                                        }));
        test.start();
        Condition.await(
                "it is told to end",
                () -> {
                    watchdog.look();
                    return test.isInterrupted() || !test.isAlive();
                });
        assertThat(exit).hasValue(0);

        watchdog.look();

        test.join();
        assertThat(exit).hasValue(Watchdog.STUCK);
        assertThat(written.toString(StandardCharsets.UTF_8)).contains("is deaf] does not end");
    }

    @Test
    void everyBuildHasOne() {
        assertThat(ServiceLoader.load(TestExecutionListener.class))
                .hasAtLeastOneElementOfType(Watchdog.class);
        assertThat(Thread.getAllStackTraces().keySet())
                .as("that of this build")
                .anyMatch(thread -> thread.getName().equals("watchdog"));
    }

    // ------------------------------------------------------------------ when

    @Test
    void aTestHasItsTimeThenAGrace() {
        Watch watch = new Watch(10);
        watch.begin(watched("test", 100), 1_000);
        assertThat(watch.check(1_099)).isEqualTo(Verdict.IN_TIME);
        assertThat(watch.check(1_100)).isEqualTo(Verdict.OVERDUE);
        assertThat(watch.check(1_109)).isEqualTo(Verdict.IN_TIME);
        assertThat(watch.check(1_110)).isEqualTo(Verdict.STUCK);
    }

    @Test
    void eachTestOfAClassHasItsOwnTime() {
        Watch watch = new Watch(10);
        watch.begin(watched("class", 100), 0);
        for (long now = 90; now < 1_000; now += 90) {
            watch.begin(watched("test", 100), now);
            assertThat(watch.check(now + 89)).isEqualTo(Verdict.IN_TIME);
            assertThat(watch.end("test", now + 89)).isFalse();
        }
        assertThat(watch.check(1_178)).as("the end of the class").isEqualTo(Verdict.IN_TIME);
        assertThat(watch.check(1_179)).isEqualTo(Verdict.OVERDUE);
        assertThat(watch.end("class", 1_180)).as("was told to end").isTrue();
        assertThat(watch.check(Long.MAX_VALUE)).as("nothing runs").isEqualTo(Verdict.IN_TIME);
    }

    @Test
    void anInterruptThatComesTooLateMeetsNoOther() {
        Watch watch = new Watch(10);
        Watched first = watched("first", 100);
        watch.begin(first, 0);
        watch.end("first", 100);
        watch.begin(watched("second", 100), 100);
        watch.interrupt(first);
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void timeMayOverflow() {
        Watch watch = new Watch(10);
        watch.begin(watched("test", 100), Long.MAX_VALUE - 50);
        assertThat(watch.check(Long.MAX_VALUE)).isEqualTo(Verdict.IN_TIME);
        assertThat(watch.check(Long.MIN_VALUE + 49)).isEqualTo(Verdict.OVERDUE);
    }

    @Test
    void aClassMaySayThatItsTestsTakeLonger() throws Exception {
        Limits limits = new Limits(Duration.ofMinutes(5), Duration.ofSeconds(7), LONG);
        assertThat(limits.of(test("engine", null))).isEqualTo(Duration.ofSeconds(5 * 60 + 7));
        for (Class<?> slow : new Class<?>[] {Slow.class, SlowToo.class, Slow.Part.class}) {
            assertThat(limits.of(test("class", ClassSource.from(slow))))
                    .isEqualTo(Duration.ofSeconds(30 * 60 + 7));
        }
        assertThat(limits.of(test("method", MethodSource.from(Slow.class.getName(), "any"))))
                .isEqualTo(Duration.ofSeconds(30 * 60 + 7));
        assertThat(limits.of(test("gone", MethodSource.from("no.such.Class", "any"))))
                .isEqualTo(Duration.ofSeconds(5 * 60 + 7));
    }

    // ------------------------------------------------------------------ what the tests stand on

    private static Watched watched(String name, long nanos) {
        return new Watched(name, Thread.currentThread(), nanos);
    }

    private Watchdog watchdog(Limits limits) {
        return new Watchdog(limits, out, exit::set);
    }

    private void run(String name, Runnable body) {
        TestIdentifier test = test(name, null);
        watchdog.executionStarted(test);
        body.run();
        watchdog.executionFinished(test, TestExecutionResult.successful());
    }

    private static void hang() {
        try {
            new CountDownLatch(1).await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static TestIdentifier test(String name, TestSource source) {
        return TestIdentifier.from(
                new EngineDescriptor(UniqueId.forEngine(name), name) {
                    @Override
                    public Optional<TestSource> getSource() {
                        return Optional.ofNullable(source);
                    }
                });
    }
}
