package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.state.AggregatingStateDescriptor;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.util.CloseableIterator;
import org.apache.flink.util.function.RunnableWithException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Code of a job that catches errors of its state and goes on: the task fails all the same, and no
 * checkpoint lacks an update.
 */
class SwallowedErrorsTest {
    private static final long KEYS = 200;
    private static final int TIMERS = 30_000;

    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<String> LIST =
            new ListStateDescriptor<>("list", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);
    private static final ReducingStateDescriptor<Long> SUM =
            new ReducingStateDescriptor<>("sum", Long::sum, LongSerializer.INSTANCE);
    private static final AggregatingStateDescriptor<Long, Long, Long> COUNT =
            new AggregatingStateDescriptor<>("count", new Count(), LongSerializer.INSTANCE);
    private static final ValueStateDescriptor<String> EXPIRING = expiring();

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private volatile boolean storeFails;
    private KeyedStateHandle handle;

    /** Something that the code of a job does with its state. */
    private interface Access {
        void happen(TestTask task) throws Exception;
    }

    @BeforeEach
    void write() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, MemorySize.ofMebiBytes(1));
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            var timers = task.timers("timers");
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                task.state(VALUE).update("old " + key);
                task.state(LIST).add("old " + key);
                task.state(MAP).put("a", "old " + key);
                task.state(MAP).put("b", "old " + key);
                task.state(SUM).add(1L);
                task.state(COUNT).add(1L);
                task.state(EXPIRING).update("old " + key);
                task.state(versioned(1)).update("old " + key);
            }
            for (int i = 0; i < TIMERS; i++) {
                timers.add(TestTask.timer(i, 0));
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
    }

    static Stream<Arguments> accesses() {
        return Stream.of(
                access("value", task -> task.state(VALUE).value()),
                access("value with a time to live", task -> task.state(EXPIRING).value()),
                access("list read", task -> task.state(LIST).get()),
                access("list append", task -> task.state(LIST).add("new")),
                access("list append of several", task -> task.state(LIST).addAll(List.of("new"))),
                access("map get", task -> task.state(MAP).get("a")),
                access("map contains", task -> task.state(MAP).contains("a")),
                access("map entries", task -> task.state(MAP).entries().forEach(entry -> {})),
                access("map isEmpty", task -> task.state(MAP).isEmpty()),
                access("map clear", task -> task.state(MAP).clear()),
                access("reduce", task -> forEachKey(task, () -> task.state(SUM).add(1L))),
                access("aggregate", task -> forEachKey(task, () -> task.state(COUNT).add(1L))),
                access("keys", SwallowedErrorsTest::countKeys),
                access("all keys", SwallowedErrorsTest::readAllKeys),
                access("timers until one is not here", SwallowedErrorsTest::pollAll),
                access("iterator of timers", SwallowedErrorsTest::iterate),
                access("timers of a key group", SwallowedErrorsTest::ofKeyGroup),
                access("migration", task -> task.state(versioned(2))));
    }

    private static Arguments access(String name, Access access) {
        return Arguments.of(name, access);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("accesses")
    void theTaskFailsThoughItsCodeSwallowsTheErrorOf(String name, Access access) throws Exception {
        try (TestTask task = restore()) {
            task.key(7);
            storeFails = true;
            assertThat(catchThrowable(() -> access.happen(task))).as(name).isNotNull();
            storeFails = false;

            assertThat(task.failures()).singleElement().asString().contains("does not answer");
            assertThatThrownBy(() -> task.state(VALUE).value()).satisfies(this::isRefusal);
            assertThatThrownBy(() -> task.state(VALUE).update("new")).satisfies(this::isRefusal);
            assertThatThrownBy(() -> task.state(MAP).put("c", "new")).satisfies(this::isRefusal);
            assertThatThrownBy(() -> task.snapshot(2)).satisfies(this::isRefusal);
            assertThatThrownBy(() -> savepoint(task)).satisfies(this::isRefusal);
            assertThat(task.failures()).as("told once").hasSize(1);
        }
    }

    /** It is no error of the backend, and nothing has been read or written for it. */
    @Test
    void aSerializerThatDoesNotFitFailsAsWithFlinksBackend() throws Exception {
        try (TestTask task = restore()) {
            task.key(7);
            assertThat(
                            catchThrowable(
                                    () ->
                                            task.state(
                                                    new ValueStateDescriptor<>(
                                                            "value", LongSerializer.INSTANCE))))
                    .isNotNull();
            assertThat(task.failures()).isEmpty();
            assertThat(task.state(LIST).get()).containsExactly("old 7");
        }
    }

    /** Flink has closed the backend: the task is ending, and Flink knows why. */
    @Test
    void aReadThatIsCancelledTellsNobody() throws Exception {
        try (TestTask task = restore()) {
            task.key(7);
            task.state(VALUE);
            task.backend().close();

            assertThatThrownBy(() -> task.state(VALUE).value())
                    .isInstanceOfSatisfying(
                            LazyStateException.class,
                            e -> assertThat(e.kind()).isEqualTo(Kind.CLOSED));
            assertThat(task.failures()).isEmpty();
            assertThatThrownBy(() -> task.snapshot(2)).satisfies(this::isRefusal);
        }
    }

    private static void savepoint(TestTask task) throws Exception {
        task.trigger(
                        3,
                        CheckpointOptions.alignedNoTimeout(
                                SavepointType.savepoint(SavepointFormatType.CANONICAL),
                                CheckpointStorageLocationReference.getDefault()))
                .run();
    }

    private void isRefusal(Throwable thrown) {
        assertThat(thrown).hasStackTraceContaining("An earlier access to keyed state failed");
    }

    /** Some rows are hot, since they were read for each value that was added, and come along. */
    private static void forEachKey(TestTask task, RunnableWithException access) throws Exception {
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            access.run();
        }
    }

    private static void countKeys(TestTask task) {
        try (Stream<Long> keys = task.backend().getKeys("value", VoidNamespace.INSTANCE)) {
            assertThat(keys.count()).isEqualTo(KEYS);
        }
    }

    private static void readAllKeys(TestTask task) throws Exception {
        task.backend()
                .applyToAllKeys(
                        VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE,
                        VALUE,
                        (key, state) -> state.value());
    }

    private static void pollAll(TestTask task) {
        KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<Long, VoidNamespace>> timers =
                task.timers("timers");
        while (timers.poll() != null) {
            assertThat(timers).isNotNull();
        }
    }

    private static void iterate(TestTask task) throws Exception {
        CloseableIterator<?> all = task.timers("timers").iterator();
        try {
            all.forEachRemaining(timer -> {});
        } finally {
            all.close();
        }
    }

    private static void ofKeyGroup(TestTask task) {
        assertThat(task.timers("timers").getSubsetForKeyGroup(TestTask.keyGroupOf(0))).isEmpty();
    }

    private TestTask restore() throws Exception {
        return TestTask.restore(
                TestTask.Start.withStore(checkpoints, config, FailingStore::new),
                List.of(handle),
                new CloseableRegistry());
    }

    private static ValueStateDescriptor<String> versioned(int version) {
        return new ValueStateDescriptor<>("versioned", new VersionedStringSerializer(version));
    }

    private static ValueStateDescriptor<String> expiring() {
        ValueStateDescriptor<String> descriptor =
                new ValueStateDescriptor<>("expiring", StringSerializer.INSTANCE);
        descriptor.enableTimeToLive(StateTtlConfig.newBuilder(Duration.ofDays(1)).build());
        return descriptor;
    }

    /** Does not answer for a while. */
    private final class FailingStore implements RangedReader {
        private final RangedReader store;

        FailingStore(RangedReader store) {
            this.store = store;
        }

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            answer(object);
            return store.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            answer(object);
            return store.download(object, offset, length, target);
        }

        private void answer(StoredObject object) {
            if (storeFails) {
                throw new LazyStateException(
                        Kind.UNAVAILABLE,
                        Where.object(object.name()),
                        "the store does not answer",
                        null);
            }
        }
    }

    private static final class Count implements AggregateFunction<Long, Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(Long value, Long sum) {
            return sum + value;
        }

        @Override
        public Long getResult(Long sum) {
            return sum;
        }

        @Override
        public Long merge(Long one, Long other) {
            return one + other;
        }
    }
}
