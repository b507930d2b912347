package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.IntSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The calls that go over all keys of a state see each live key once, wherever its rows are: in base
 * runs, deltas, the overlay or the local database, and in one extent or many.
 */
class KeysOfHalfLoadedStateTest {
    private static final long KEYS = 600;
    private static final int STEP = 16;
    private static final int NAMESPACES = 3;

    /** A key whose map is spread over several extents. */
    private static final long WIDE = 77;

    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ValueStateDescriptor<String> WINDOWED =
            new ValueStateDescriptor<>("windowed", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<Integer, String> MAP =
            new MapStateDescriptor<>("map", IntSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private final Set<Long> live = new TreeSet<>();
    private StoreGate gate;
    private KeyedStateHandle handle;

    /** How much of the state is in the local database. */
    enum Loaded {
        NOTHING,
        HALF,
        EVERYTHING
    }

    @BeforeEach
    void writeBaseAndDeltas() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 1);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        try (TestTask task = TestTask.start(start())) {
            for (long key = 0; key < KEYS; key++) {
                add(task, key);
            }
            task.key(WIDE);
            for (int i = 0; i < KEYS; i++) {
                task.state(MAP).put(i, "one of many entries");
            }
            task.checkpoint(1, jobManager);
            change(task, 0);
            handle = task.checkpoint(2, jobManager);
        }
        assertThat(new WrittenCheckpoint(handle).extents("map"))
                .hasSizeGreaterThan(5)
                .anyMatch(extent -> !extent.deltas().isEmpty());
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
    }

    @ParameterizedTest
    @EnumSource(Loaded.class)
    void eachLiveKeyIsSeenOnce(Loaded loaded) throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1);
            load(task, loaded);
            change(task, 2);

            assertThat(keys(task, VALUE.getName()))
                    .containsExactlyInAnyOrderElementsOf(live)
                    .doesNotContain(0L, 1L + 2 * STEP)
                    .contains(KEYS, KEYS + 1, KEYS + 2, 0L + STEP, 1L + STEP);
            assertThat(keys(task, MAP.getName())).containsExactlyInAnyOrderElementsOf(live);
            try (Stream<Long> keys =
                    task.backend()
                            .getKeys(
                                    List.of(VALUE.getName(), MAP.getName()),
                                    VoidNamespace.INSTANCE)) {
                // Flink compares bytes as signed when it merges states, and sees some keys twice.
                assertThat(keys.distinct()).containsExactlyInAnyOrderElementsOf(live);
            }
            try (Stream<Long> keys = task.backend().getKeys(WINDOWED.getName(), "1")) {
                assertThat(keys).containsExactlyInAnyOrderElementsOf(inNamespace(1));
            }
            try (Stream<Tuple2<Long, String>> keys =
                    task.backend().getKeysAndNamespaces(WINDOWED.getName())) {
                assertThat(keys).containsExactlyInAnyOrderElementsOf(keysAndNamespaces());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Loaded.class)
    void aFunctionIsAppliedToEachLiveKeyOnceAndMayChangeIt(Loaded loaded) throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1);
            load(task, loaded);
            List<Long> seen = new ArrayList<>();
            task.backend()
                    .applyToAllKeys(
                            VoidNamespace.INSTANCE,
                            VoidNamespaceSerializer.INSTANCE,
                            VALUE,
                            (key, state) -> {
                                assertThat(state.value()).isEqualTo("v" + key);
                                seen.add(key);
                                if (key % 2 == 0) {
                                    state.clear();
                                } else {
                                    state.update("seen");
                                }
                            });

            assertThat(seen).containsExactlyInAnyOrderElementsOf(live);
            live.removeIf(key -> key % 2 == 0);
            assertThat(keys(task, VALUE.getName())).containsExactlyInAnyOrderElementsOf(live);
            for (long key : live) {
                task.key(key);
                assertThat(task.state(VALUE).value()).isEqualTo("seen");
            }
        }
    }

    /** As the State Processor API reads: for each key of an open stream, it reads the state. */
    @Test
    void aStreamOfKeysGoesOnWhileExtentsBecomeResidentBehindIt() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1);
            List<Long> seen = new ArrayList<>();
            try (Stream<Long> keys =
                    task.backend().getKeys(MAP.getName(), VoidNamespace.INSTANCE)) {
                Iterator<Long> iterator = keys.iterator();
                while (seen.size() < KEYS / 3) {
                    seen.add(iterator.next());
                }
                load(task, Loaded.EVERYTHING);
                while (iterator.hasNext()) {
                    long key = iterator.next();
                    seen.add(key);
                    task.key(key);
                    assertThat(task.state(VALUE).value()).isEqualTo("v" + key);
                    assertThat(task.state(MAP).get(-1)).isEqualTo("v" + key);
                }
            }
            assertThat(seen).containsExactlyInAnyOrderElementsOf(live);
        }
    }

    /** Removes some keys, adds some, and adds some again that were removed before. */
    private void change(TestTask task, int round) throws Exception {
        for (long key = round; key < KEYS; key += STEP) {
            remove(task, key);
        }
        add(task, KEYS + round);
        if (round > 0) {
            add(task, round + STEP - 1);
        }
    }

    private void add(TestTask task, long key) throws Exception {
        live.add(key);
        task.key(key);
        task.state(VALUE).update("v" + key);
        task.state(MAP).put(-1, "v" + key);
        for (int i = 0; i < namespacesOf(key); i++) {
            windowed(task, i).update("v" + key);
        }
    }

    private void remove(TestTask task, long key) throws Exception {
        live.remove(key);
        task.key(key);
        task.state(VALUE).clear();
        task.state(MAP).clear();
        for (int i = 0; i < namespacesOf(key); i++) {
            windowed(task, i).clear();
        }
    }

    private static ValueState<String> windowed(TestTask task, int namespace) throws Exception {
        return task.backend()
                .getPartitionedState("" + namespace, StringSerializer.INSTANCE, WINDOWED);
    }

    private static int namespacesOf(long key) {
        return (int) (key % (NAMESPACES + 1));
    }

    private List<Long> inNamespace(int namespace) {
        return live.stream().filter(key -> namespace < namespacesOf(key)).toList();
    }

    private List<Tuple2<Long, String>> keysAndNamespaces() {
        List<Tuple2<Long, String>> all = new ArrayList<>();
        for (int i = 0; i < NAMESPACES; i++) {
            for (long key : inNamespace(i)) {
                all.add(Tuple2.of(key, "" + i));
            }
        }
        return all;
    }

    private static List<Long> keys(TestTask task, String state) {
        try (Stream<Long> keys = task.backend().getKeys(state, VoidNamespace.INSTANCE)) {
            return keys.toList();
        }
    }

    private void load(TestTask task, Loaded loaded) throws Exception {
        int extents = extents();
        switch (loaded) {
            case NOTHING -> {
                assertThat(task.metrics().extentsLinked().sum()).isZero();
            }
            case HALF -> {
                gate.letDownloadsPass(extents / 2);
                gate.awaitDownloads(extents / 2 + 1); // one after the other: the others are linked
                assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents / 2);
            }
            case EVERYTHING -> {
                gate.letDownloadsPass(extents);
                TestTask.awaitHydration();
                assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents);
            }
        }
    }

    private int extents() throws Exception {
        WrittenCheckpoint written = new WrittenCheckpoint(handle);
        int extents = 0;
        for (String state : written.manifest().states().keySet()) {
            for (Extent extent : written.extents(state)) {
                assertThat(extent.base()).isNotNull();
                extents++;
            }
        }
        return extents;
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
}
