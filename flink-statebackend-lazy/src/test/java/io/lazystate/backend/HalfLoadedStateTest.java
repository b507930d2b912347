package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SavepointResources;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * State that is cold, linked or half of each: removed rows stay away (I2), and checkpoints and
 * captured views are those of fully loaded state (I4).
 */
class HalfLoadedStateTest {
    private static final int KEYS = 600;
    private static final int STEP = 16;
    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<String> LIST =
            new ListStateDescriptor<>("list", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private StoreGate gate;
    private KeyedStateHandle handle;
    private Map<String, String> saved;

    /** Base runs, and deltas that remove, overwrite and add rows. */
    @BeforeEach
    void writeBaseAndDeltas() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 1);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        try (TestTask task = TestTask.start(start())) {
            var timers = task.timers("timers");
            for (long key = 0; key < KEYS; key++) {
                timers.add(TestTask.timer(key, key));
                update(task, key, "base");
            }
            task.checkpoint(1, jobManager);
            for (int i = 0; i < KEYS / 10; i++) {
                timers.poll();
            }
            change(task, 0, "delta");
            handle = task.checkpoint(2, jobManager);
            saved = LogicalRows.of(task);
        }
        assertThat(new WrittenCheckpoint(handle).extents("value"))
                .hasSizeGreaterThanOrEqualTo(3)
                .allMatch(extent -> extent.base() != null && extent.deltas().size() == 1);
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void whatDeltasSayHoldsWhereverTheRowsAre(LoadingMode mode) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(LogicalRows.of(task)).isEqualTo(saved);
            assertChanged(task, 0, "delta");
            if (mode == LoadingMode.EAGER) {
                compact(task); // drops RocksDB's own tombstones
                assertThat(LogicalRows.of(task)).isEqualTo(saved);
                assertChanged(task, 0, "delta");
            }
        }
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void restoreAndCheckpointWithNoAccessInBetweenLoseNothing(LoadingMode mode) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        for (long id = 3; id < 6; id++) {
            try (TestTask task = TestTask.restore(start(), List.of(handle))) {
                handle = task.checkpoint(id, jobManager);
            }
        }
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(LogicalRows.of(task)).isEqualTo(saved);
        }
    }

    @Test
    void aCheckpointOfHalfLoadedStateIsThatOfLoadedState() throws Exception {
        Map<String, String> whenCold;
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1, "later");
            whenCold = checkpointed(task);
        }
        Map<String, String> whenHalfLoaded;
        int extents = extents();
        holdHydration();
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1, "later");
            gate.letDownloadsPass(extents / 2);
            gate.awaitDownloads(extents / 2 + 1); // one after the other: the others are linked
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents / 2);
            whenHalfLoaded = checkpointed(task);
        }
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        Map<String, String> whenLoaded;
        gate = null;
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents);
            change(task, 1, "later");
            whenLoaded = checkpointed(task);
        }
        assertThat(whenLoaded).isNotEqualTo(saved);
        assertThat(whenHalfLoaded).isEqualTo(whenLoaded);
        assertThat(whenCold).isEqualTo(whenLoaded);
    }

    @Test
    void whatIsRemovedWhileColdStaysAwayWhenItsExtentIsLinked() throws Exception {
        holdHydration();
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1, "later");
            Map<String, String> rows = LogicalRows.of(task);
            gate.letDownloadsPass(extents());
            TestTask.awaitHydration();
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents());

            assertChanged(task, 1, "later");
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
            compact(task);
            assertChanged(task, 1, "later");
            assertThat(LogicalRows.of(task)).isEqualTo(rows);
            assertThat(checkpointed(task)).isEqualTo(rows);
        }
    }

    @Test
    void aViewThatWasCapturedColdIsReadAfterItsExtentsWereLinked() throws Exception {
        holdHydration();
        Map<String, String> rows;
        Map<String, String> checkpointed;
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            change(task, 1, "later");
            rows = LogicalRows.of(task);
            SavepointResources<Long> savepoint = task.backend().savepoint();
            RunnableFuture<SnapshotResult<KeyedStateHandle>> checkpoint =
                    task.trigger(3, CheckpointOptions.forCheckpointWithDefaultLocation());
            gate.letDownloadsPass(extents());
            TestTask.awaitHydration();
            change(task, 2, "after the capture");
            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(extents());
            assertThat(LogicalRows.of(task)).isNotEqualTo(rows);

            assertThat(LogicalRows.of(savepoint)).isEqualTo(rows);
            checkpoint.run();
            KeyedStateHandle next = checkpoint.get().getJobManagerOwnedSnapshot();
            jobManager.complete(3, next);
            checkpointed = restored(next);
        }
        assertThat(checkpointed).isEqualTo(rows);
    }

    /** Removes some keys, overwrites some, and adds some: fewer than what folds an extent. */
    private static void change(TestTask task, int round, String version) throws Exception {
        for (long key = round; key < KEYS; key += STEP) {
            task.key(key);
            task.state(VALUE).clear();
            task.state(LIST).clear();
            task.state(MAP).remove("one");
            update(task, key + 2, version);
            update(task, KEYS * (round + 1L) + key, version);
        }
    }

    private static void assertChanged(TestTask task, int round, String version) throws Exception {
        for (long key = round; key < KEYS; key += STEP) {
            task.key(key);
            assertThat(task.state(VALUE).value()).isNull();
            assertThat(task.state(LIST).get()).isNullOrEmpty();
            assertThat(task.state(MAP).get("one")).isNull();
            assertThat(task.state(MAP).contains("two")).isEqualTo(true);
            task.key(key + 2);
            assertThat(task.state(VALUE).value()).isEqualTo(version + " " + (key + 2));
            assertThat(task.state(LIST).get()).last().isEqualTo(version);
            assertThat(task.state(MAP).get("one")).isEqualTo(version);
        }
    }

    private static void update(TestTask task, long key, String version) throws Exception {
        task.key(key);
        ValueState<String> value = task.state(VALUE);
        ListState<String> list = task.state(LIST);
        MapState<String, String> map = task.state(MAP);
        value.update(version + " " + key);
        list.add(version);
        map.put("one", version);
        map.put("two", version);
    }

    private Map<String, String> checkpointed(TestTask task) throws Exception {
        return restored(task.snapshot(3));
    }

    /** Through a JobManager of its own, so that other checkpoints are not subsumed. */
    private Map<String, String> restored(KeyedStateHandle next) throws Exception {
        TestJobManager other = TestJobManager.recovered(2, handle);
        other.register(3, next);
        Configuration cold = new Configuration(config);
        cold.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        cold.set(LazyStateOptions.HYDRATION_ENABLED, false);
        try (TestTask task =
                TestTask.restore(new TestTask.Start(checkpoints, cold), List.of(next))) {
            return new TreeMap<>(LogicalRows.of(task));
        }
    }

    private void holdHydration() {
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
        gate = new StoreGate(null);
    }

    private TestTask.Start start() {
        return TestTask.Start.withStore(
                checkpoints,
                config,
                store -> {
                    if (gate == null) {
                        return store;
                    }
                    gate = new StoreGate(store).holdDownloads();
                    return gate;
                });
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

    private static void compact(TestTask task) throws Exception {
        RocksDBKeyedStateBackend<?> backend = (RocksDBKeyedStateBackend<?>) task.backend();
        backend.compactState(VALUE);
        backend.compactState(LIST);
        backend.compactState(MAP);
    }
}
