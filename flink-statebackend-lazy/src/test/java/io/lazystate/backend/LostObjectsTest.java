package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.CapturedLog;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointException;
import org.apache.flink.runtime.checkpoint.CheckpointFailureReason;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.util.ExceptionUtils;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A checkpoint that needs what is lost for good fails the task, by the object's name; nothing else
 * does: Flink drops the cause of a failed checkpoint, and a job that cannot take any is as good as
 * failed.
 */
class LostObjectsTest {
    private static final int KEYS = 500;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final TestJobManager jobManager = new TestJobManager();
    private LosingStore store;
    private TestTask.Start start;
    private KeyedStateHandle restored;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        start =
                TestTask.Start.withStore(
                        checkpoints, config, reader -> store = new LosingStore(reader));
        try (TestTask task = TestTask.start(start)) {
            update(task, 1);
            restored = task.checkpoint(1, jobManager);
        }
    }

    @Test
    void fullCheckpointThatMustCopyItFailsTheTaskByTheObjectsName() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            store.lose(Kind.CORRUPT);

            Throwable failure = failure(task.trigger(2, options(CheckpointType.FULL_CHECKPOINT)));

            assertThat(store.lost).isNotNull();
            assertThat(task.failures())
                    .singleElement()
                    .satisfies(
                            cause ->
                                    assertThat(cause)
                                            .hasMessageContaining("Checkpoint 2")
                                            .hasMessageContaining("'v'")
                                            .hasMessageContaining(store.lost.location()));
            assertThat(ExceptionUtils.findThrowable(failure, CheckpointException.class))
                    .as("Flink must not fail the job for the checkpoint first")
                    .hasValueSatisfying(
                            e ->
                                    assertThat(e.getCheckpointFailureReason())
                                            .isEqualTo(CheckpointFailureReason.TASK_FAILURE));
            assertThat(ExceptionUtils.findThrowable(failure, LazyStateException.class))
                    .hasValueSatisfying(e -> assertThat(e.kind()).isEqualTo(Kind.CORRUPT));
        }
    }

    @Test
    void storeThatDoesNotAnswerFailsTheCheckpointAlone() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            for (Kind kind : new Kind[] {Kind.UNAVAILABLE, Kind.INVALID}) {
                store.lose(kind);

                Throwable failure =
                        failure(task.trigger(2, options(CheckpointType.FULL_CHECKPOINT)));

                assertThat(ExceptionUtils.findThrowable(failure, LazyStateException.class))
                        .hasValueSatisfying(e -> assertThat(e.kind()).isEqualTo(kind));
                assertThat(task.failures()).isEmpty();
                task.backend().notifyCheckpointAborted(2);
            }
            store.find();
            assertThat(task.snapshot(3)).isNotNull();
        }
    }

    @Test
    void checkpointThatRefersToItNeedsItNot() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            store.lose(Kind.CORRUPT);
            for (long id = 2; id < 5; id++) {
                update(task, 3);
                task.checkpoint(id, jobManager);
            }
            assertThat(store.lost).as("an older run was to be merged").isNotNull();
            assertThat(task.failures()).isEmpty();
        }
    }

    @Test
    void whatStaysAsItIsTakesOneLineOfACheckpointAndNotOneForEachState() throws Exception {
        List<ValueStateDescriptor<String>> states =
                List.of(STATE, value("second"), value("third"), value("fourth"));
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            for (ValueStateDescriptor<String> state : states) {
                update(task, state, 1);
            }
            restored = task.checkpoint(2, jobManager);
        }
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            store.lose(Kind.CORRUPT);
            List<String> log =
                    CapturedLog.of(
                            Level.WARN,
                            () -> {
                                for (long id = 3; id < 8; id++) {
                                    for (ValueStateDescriptor<String> state : states) {
                                        update(task, state, 3);
                                    }
                                    task.checkpoint(id, jobManager);
                                }
                            });

            List<String> told =
                    log.stream().filter(line -> line.contains("without rewriting")).toList();
            assertThat(told).anyMatch(line -> line.contains("states: 4, first: 'v'"));
            assertThat(told.stream().map(line -> line.split(" is ")[0]))
                    .as("checkpoints that the log tells of")
                    .doesNotHaveDuplicates();
        }
    }

    @Test
    void savepointThatNeedsItFailsAlone() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            for (SavepointFormatType format : SavepointFormatType.values()) {
                store.lose(Kind.CORRUPT);

                failure(task.trigger(2, options(SavepointType.savepoint(format))));

                assertThat(store.lost).isNotNull();
                assertThat(task.failures()).as("%s", format).isEmpty();
            }
        }
    }

    @Test
    void fullCheckpointThatOneAsksForInBetweenFailsAlone() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            update(task, 3);
            task.checkpoint(2, jobManager);
            store.lose(Kind.CORRUPT);

            failure(task.trigger(3, options(CheckpointType.FULL_CHECKPOINT)));

            assertThat(store.lost).isNotNull();
            assertThat(task.failures()).isEmpty();
            task.backend().notifyCheckpointAborted(3);
            assertThat(task.checkpoint(4, jobManager)).as("others go on").isNotNull();
        }
    }

    @Test
    void checkpointThatALaterOneHasOvertakenFailsAlone() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            RunnableFuture<SnapshotResult<KeyedStateHandle>> overtaken =
                    task.trigger(2, options(CheckpointType.FULL_CHECKPOINT));
            RunnableFuture<SnapshotResult<KeyedStateHandle>> later =
                    task.trigger(3, options(CheckpointType.FULL_CHECKPOINT));
            later.run();
            jobManager.complete(3, later.get().getJobManagerOwnedSnapshot());
            task.backend().notifyCheckpointComplete(3);
            store.lose(Kind.CORRUPT);

            failure(overtaken);

            assertThat(store.lost).isNotNull();
            assertThat(task.failures()).isEmpty();
        }
    }

    @Test
    void cancelledCheckpointFailsNothing() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(restored))) {
            RunnableFuture<SnapshotResult<KeyedStateHandle>> phase =
                    task.trigger(2, options(CheckpointType.FULL_CHECKPOINT));
            store.lose(Kind.CORRUPT);
            store.beforeLoss = () -> phase.cancel(true);

            Throwable failure = failure(phase);
            assertThat(Thread.interrupted()).as("by the cancellation").isTrue();

            assertThat(failure).isInstanceOf(CancellationException.class);
            assertThat(store.lost).isNotNull();
            assertThat(task.failures()).isEmpty();
        }
    }

    private static CheckpointOptions options(SnapshotType type) {
        return CheckpointOptions.alignedNoTimeout(
                type, CheckpointStorageLocationReference.getDefault());
    }

    private static Throwable failure(RunnableFuture<SnapshotResult<KeyedStateHandle>> phase) {
        phase.run();
        Throwable failure = catchThrowable(phase::get);
        assertThat(failure).isNotNull();
        return failure;
    }

    private static ValueStateDescriptor<String> value(String name) {
        return new ValueStateDescriptor<>(name, StringSerializer.INSTANCE);
    }

    private static void update(TestTask task, int step) throws Exception {
        update(task, STATE, step);
    }

    private static void update(TestTask task, ValueStateDescriptor<String> descriptor, int step)
            throws Exception {
        ValueState<String> state = task.state(descriptor);
        for (long key = 0; key < KEYS; key += step) {
            task.key(key);
            state.update("a value of key " + key);
        }
    }

    /** Fails every read of some moment on, as if what it wants were lost. */
    private static final class LosingStore implements RangedReader {
        private final RangedReader reader;
        private volatile Runnable beforeLoss = () -> {};
        private volatile Kind kind;
        private volatile StoredObject lost;

        LosingStore(RangedReader reader) {
            this.reader = reader;
        }

        void lose(Kind as) {
            lost = null;
            kind = as;
        }

        void find() {
            kind = null;
        }

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            throwIfLost(object, offset, length);
            return reader.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            throwIfLost(object, offset, length);
            return reader.download(object, offset, length, target);
        }

        private void throwIfLost(StoredObject object, long offset, long length) {
            if (kind != null) {
                lost = object;
                beforeLoss.run();
                throw new LazyStateException(
                        kind, object.where(offset, length), "lost, for this test", null);
            }
        }
    }
}
