package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several checkpoints under way, and news of them that come when later ones are written. */
class OverlappingCheckpointsTest {
    private static final int KEYS = 500;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final TestJobManager jobManager = new TestJobManager();
    private final Map<Long, String> expected = new HashMap<>();
    private final CountDownLatch waiting = new CountDownLatch(1);
    private TestTask.Start start;
    private TestTask task;

    @BeforeEach
    void startTask() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        start = new TestTask.Start(checkpoints, config);
        KeyedStateHandle first;
        try (TestTask writer = TestTask.start(start)) {
            update(writer, 1);
            first = writer.checkpoint(1, jobManager);
        }
        task = TestTask.restore(start, List.of(first));
        task.waitWith(
                news -> {
                    waiting.countDown();
                    join(news::get);
                });
    }

    @AfterEach
    void closeTask() {
        task.close();
    }

    @Test
    void aCheckpointIsBuiltUponThoughTheNextOneWasCapturedBeforeTheNews() throws Exception {
        update(task, 50);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> second = trigger(2);
        jobManager.complete(2, write(second));
        update(task, 60);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> third = trigger(3);
        task.backend().notifyCheckpointComplete(2);
        jobManager.complete(3, write(third));
        task.backend().notifyCheckpointComplete(3);
        verify(task);
        update(task, 70);
        KeyedStateHandle fourth = write(trigger(4));
        jobManager.complete(4, fourth);
        task.backend().notifyCheckpointComplete(4);
        verify(task);
        try (TestTask restored = TestTask.restore(start, List.of(fourth))) {
            verify(restored);
        }
    }

    /** Each ends as soon as it may, and the news of one come when the others have, or wait. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void deltasDoNotGrowIfSeveralAreAlwaysInFlight(int inFlight) throws Exception {
        ThreadLocal<CountDownLatch> settled = new ThreadLocal<>();
        task.waitWith(
                news -> {
                    settled.get().countDown();
                    join(news::get);
                });
        Deque<Running> open = new ArrayDeque<>();
        long mostChanged = 0;
        long next = 2;
        for (int round = 0; round < 40; round++) {
            while (open.size() < inFlight) {
                long before = task.written().checkpointChangedRows().sum();
                for (long key = 5 * next; key < 5 * next + 5; key++) {
                    update(task, key, "changed by " + next);
                }
                open.add(new Running(next, trigger(next), settled));
                assertThat(open.getLast().settled.await(60, TimeUnit.SECONDS)).isTrue();
                mostChanged =
                        Math.max(
                                mostChanged, task.written().checkpointChangedRows().sum() - before);
                next++;
            }
            Running first = open.remove();
            jobManager.complete(
                    first.id, first.phase.get(60, TimeUnit.SECONDS).getJobManagerOwnedSnapshot());
            task.backend().notifyCheckpointComplete(first.id);
        }
        assertThat(mostChanged).as("rows of one delta").isLessThanOrEqualTo(5 * 4 * inFlight);
        for (Running running : open) {
            running.phase.cancel(true);
            ends(running.thread);
        }
        verify(task);
    }

    /** An asynchronous part in a thread of its own. */
    private static final class Running {
        private final long id;
        private final RunnableFuture<SnapshotResult<KeyedStateHandle>> phase;

        /** Zero when it has ended, or waits for news. */
        private final CountDownLatch settled = new CountDownLatch(1);

        private final Thread thread;

        Running(
                long id,
                RunnableFuture<SnapshotResult<KeyedStateHandle>> phase,
                ThreadLocal<CountDownLatch> ofThread) {
            this.id = id;
            this.phase = phase;
            this.thread =
                    run(
                            () -> {
                                ofThread.set(settled);
                                phase.run();
                                settled.countDown();
                            });
        }
    }

    @Test
    void cancellingEndsTheWait() throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> waits = waiting();
        List<Path> before = files();
        Thread thread = run(waits);
        assertThat(waiting.await(60, TimeUnit.SECONDS)).as("waits for news").isTrue();
        waits.cancel(true);
        ends(thread);
        assertThatThrownBy(waits::get).isInstanceOf(CancellationException.class);
        assertThat(files()).as("nothing is left of it").isEqualTo(before);
    }

    @Test
    void disposingEndsTheWait() throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> waits = waiting();
        Thread thread = run(waits);
        assertThat(waiting.await(60, TimeUnit.SECONDS)).as("waits for news").isTrue();
        task.close();
        ends(thread);
        assertThat(waits).isCancelled();
    }

    @Test
    void newsEndTheWaitAndAreBuiltUpon() throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> waits = waiting();
        Thread thread = run(waits);
        assertThat(waiting.await(60, TimeUnit.SECONDS)).as("waits for news").isTrue();
        task.backend().notifyCheckpointComplete(3);
        ends(thread);
        KeyedStateHandle handle = waits.get().getJobManagerOwnedSnapshot();
        jobManager.complete(4, handle);
        task.backend().notifyCheckpointComplete(4);
        update(task, 70);
        task.checkpoint(5, jobManager);
        verify(task);
    }

    @Test
    void whatNeverRunsIsNotWaitedFor() throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> second = trigger(2);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> third = trigger(3);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> neverRuns = trigger(4);
        update(task, 50);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> fifth = trigger(5);
        jobManager.complete(2, write(second));
        KeyedStateHandle ofThird = write(third);
        task.backend().notifyCheckpointComplete(2);
        jobManager.complete(3, ofThird);
        task.backend().notifyCheckpointComplete(3);
        neverRuns.cancel(true);
        jobManager.complete(5, write(fifth));
        task.backend().notifyCheckpointComplete(5);
        verify(task);
    }

    /** The asynchronous part of the fourth checkpoint, which will wait for news of the third. */
    private RunnableFuture<SnapshotResult<KeyedStateHandle>> waiting() throws Exception {
        update(task, 50);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> second = trigger(2);
        update(task, 60);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> third = trigger(3);
        update(task, 80);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> fourth = trigger(4);
        jobManager.complete(2, write(second));
        KeyedStateHandle ofThird = write(third);
        task.backend().notifyCheckpointComplete(2);
        jobManager.complete(3, ofThird);
        return fourth;
    }

    private RunnableFuture<SnapshotResult<KeyedStateHandle>> trigger(long id) throws Exception {
        return task.trigger(id, CheckpointOptions.forCheckpointWithDefaultLocation());
    }

    private static KeyedStateHandle write(RunnableFuture<SnapshotResult<KeyedStateHandle>> phase)
            throws Exception {
        phase.run();
        return phase.get().getJobManagerOwnedSnapshot();
    }

    private static Thread run(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void ends(Thread thread) throws InterruptedException {
        thread.join(TimeUnit.SECONDS.toMillis(60));
        assertThat(thread.isAlive()).isFalse();
    }

    private interface Waiting {
        void end() throws Exception;
    }

    private static void join(Waiting waiting) throws InterruptedException {
        try {
            waiting.end();
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private List<Path> files() throws Exception {
        try (Stream<Path> files = Files.walk(checkpoints)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private void update(TestTask task, int step) throws Exception {
        for (long key = 0; key < KEYS; key += step) {
            String value = "a longer value with step " + step + " of key " + key;
            update(task, key, value);
        }
    }

    private void update(TestTask task, long key, String value) throws Exception {
        task.key(key);
        task.state(STATE).update(value);
        expected.put(key, value);
    }

    private void verify(TestTask task) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(state.value()).as("key " + key).isEqualTo(expected.get(key));
        }
    }
}
