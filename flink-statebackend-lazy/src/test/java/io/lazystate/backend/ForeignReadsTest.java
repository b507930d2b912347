package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.Condition;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.IntSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.queryablestate.client.state.serialization.KvStateSerializer;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.runtime.state.internal.InternalKvState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Queries: reads of a running task's state by another thread. */
class ForeignReadsTest {
    private static final long KEYS = 300;
    private static final int STEP = 3;

    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<Integer, String> MAP =
            new MapStateDescriptor<>("map", IntSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final ExecutorService executor = Executors.newSingleThreadExecutor();
    private final Configuration config = new Configuration();
    private StoreGate gate;
    private KeyedStateHandle handle;

    @BeforeEach
    void write() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(2 << 10));
        try (TestTask task = TestTask.start(start())) {
            for (long key = 0; key < KEYS; key++) {
                update(task, key, "old");
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
        assertThat(new WrittenCheckpoint(handle).extents("map")).hasSizeGreaterThan(5);
    }

    @AfterEach
    void shutDown() {
        executor.shutdownNow();
    }

    @Test
    void aQuerySeesColdRowsAndWhatWasWrittenOverThem() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task);
            Queries queries = new Queries(task);

            executor.submit(() -> check(queries)).get();

            assertThat(task.metrics().faults().sum()).isPositive();
            assertThat(task.metrics().extentsLinked().sum()).isZero();
        }
    }

    @Test
    void queriesSeeTheSameWhileExtentsBecomeResident() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task);
            Queries queries = new Queries(task);
            AtomicBoolean loaded = new AtomicBoolean();
            Future<Integer> rounds =
                    executor.submit(
                            () -> {
                                int round = 0;
                                for (boolean last = false; !last; round++) {
                                    last = loaded.get();
                                    check(queries);
                                }
                                return round;
                            });
            gate.letDownloadsPass(Integer.MAX_VALUE);
            Condition.await(
                    "hydration ends",
                    () -> {
                        task.database().settle();
                        return task.database().coldExtents().isEmpty();
                    });
            loaded.set(true);

            assertThat(rounds.get()).isPositive();
        }
    }

    private static void change(TestTask task) throws Exception {
        for (long key = 0; key < KEYS; key += STEP) {
            task.key(key);
            task.state(VALUE).clear();
            task.state(MAP).clear();
            update(task, key + 1, "new");
        }
    }

    private static void update(TestTask task, long key, String version) throws Exception {
        task.key(key);
        task.state(VALUE).update(version);
        task.state(MAP).put(1, version);
        task.state(MAP).put(2, version);
    }

    private static Void check(Queries queries) throws Exception {
        for (long key = 0; key < KEYS; key++) {
            switch ((int) (key % STEP)) {
                case 0 -> {
                    assertThat(queries.value(key)).as("value of %s", key).isNull();
                    assertThat(queries.map(key)).as("map of %s", key).isNull();
                }
                case 1 -> {
                    assertThat(queries.value(key)).as("value of %s", key).isEqualTo("new");
                    assertThat(queries.map(key))
                            .as("map of %s", key)
                            .isEqualTo(Map.of(1, "new", 2, "new"));
                }
                default -> {
                    assertThat(queries.value(key)).as("value of %s", key).isEqualTo("old");
                    assertThat(queries.map(key))
                            .as("map of %s", key)
                            .isEqualTo(Map.of(1, "old", 2, "old"));
                }
            }
        }
        return null;
    }

    private TestTask.Start start() {
        return TestTask.Start.withStore(
                checkpoints,
                config,
                store -> {
                    gate = new StoreGate(store).holdDownloads();
                    return gate;
                });
    }

    /** A task's states as its server of queries would read them, with serializers of its own. */
    private static final class Queries {
        private final InternalKvState<Long, VoidNamespace, String> value;
        private final InternalKvState<Long, VoidNamespace, Map<Integer, String>> map;

        Queries(TestTask task) throws Exception {
            this.value = state(task, VALUE);
            this.map = state(task, MAP);
        }

        String value(long key) throws Exception {
            byte[] bytes = query(value, key, VALUE.getSerializer());
            return KvStateSerializer.deserializeValue(bytes, StringSerializer.INSTANCE);
        }

        Map<Integer, String> map(long key) throws Exception {
            byte[] bytes = query(map, key, MAP.getSerializer());
            return KvStateSerializer.deserializeMap(
                    bytes, IntSerializer.INSTANCE, StringSerializer.INSTANCE);
        }

        @SuppressWarnings("unchecked")
        private static <V> InternalKvState<Long, VoidNamespace, V> state(
                TestTask task, StateDescriptor<?, V> descriptor) throws Exception {
            return (InternalKvState<Long, VoidNamespace, V>) task.state(descriptor);
        }

        private static <V> byte[] query(
                InternalKvState<Long, VoidNamespace, V> state, long key, TypeSerializer<V> values)
                throws Exception {
            byte[] keyAndNamespace =
                    KvStateSerializer.serializeKeyAndNamespace(
                            key,
                            LongSerializer.INSTANCE,
                            VoidNamespace.INSTANCE,
                            VoidNamespaceSerializer.INSTANCE);
            return state.getSerializedValue(
                    keyAndNamespace,
                    LongSerializer.INSTANCE,
                    VoidNamespaceSerializer.INSTANCE,
                    values.duplicate());
        }
    }
}
