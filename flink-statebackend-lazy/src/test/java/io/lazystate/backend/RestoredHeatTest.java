package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.HeatCode;
import io.lazystate.manifest.Manifest;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What was read most before a checkpoint is hydrated first after it. */
class RestoredHeatTest {
    private static final long KEYS = 5_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private final List<String> downloads = Collections.synchronizedList(new ArrayList<>());

    @BeforeEach
    void configure() {
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 1);
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void theHottestComesFirst(LoadingMode mode) throws Exception {
        KeyedStateHandle handle = readTwoExtents();
        List<Extent> extents = new WrittenCheckpoint(handle).extents("v");
        config.set(LazyStateOptions.LOADING_MODE, mode);

        hydrate(all(), handle);

        assertThat(downloads).hasSize(extents.size());
        assertThat(downloads.subList(0, 2))
                .containsExactly(place(extents.get(9)), place(extents.get(4)));
    }

    @Test
    void eachPartOfARescaleHasItsOwn() throws Exception {
        KeyedStateHandle handle = readTwoExtents();
        List<Extent> extents = new WrittenCheckpoint(handle).extents("v");
        int cut = extents.get(7).lower()[0];

        hydrate(KeyGroupRange.of(0, cut), handle);
        assertThat(downloads).first().isEqualTo(place(extents.get(4)));

        downloads.clear();
        hydrate(KeyGroupRange.of(cut + 1, 127), handle);
        assertThat(downloads).first().isEqualTo(place(extents.get(9)));
    }

    @Test
    void anExtentThatWasDividedLeavesItsHeatToItsParts() throws Exception {
        KeyedStateHandle handle = readTwoExtents();
        List<Extent> extents = new WrittenCheckpoint(handle).extents("v");
        int cut = extents.get(9).lower()[0];
        KeyedStateHandle next;
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        try (TestTask task = TestTask.restore(start(KeyGroupRange.of(0, cut)), List.of(handle))) {
            task.keyIn(KeyGroupRange.of(0, 0));
            task.state(STATE).update("changed");
            next = task.snapshot(9);
        }
        WrittenCheckpoint written = new WrittenCheckpoint(next);

        assertThat(heat(written, extents.get(9))).isEqualTo(HeatCode.HOTTEST);
        assertThat(heat(written, extents.get(4))).isBetween(230, 250);
        assertThat(heat(written, extents.get(1))).isZero();
    }

    @Test
    void rowsThatAreWrittenAnewAreAsHotAsBefore() throws Exception {
        try (TestTask task = TestTask.start(start(all()))) {
            Extent hot = prepare(task).get(9);
            read(task, hot, 100);
            for (long key = 0; key < KEYS; key++) {
                if (hot.contains(rowKey(key))) {
                    task.key(key);
                    task.state(STATE).update(value(key, 2));
                }
            }
            for (long id = 2; id < 4; id++) { // the second is written when the first is adopted
                WrittenCheckpoint written = new WrittenCheckpoint(task.checkpoint(id, jobManager));
                List<Extent> extents = written.extents("v");
                assertThat(extents).doesNotContain(hot);
                assertThat(extents)
                        .filteredOn(extent -> extent.overlaps(hot.lower(), hot.upper()))
                        .isNotEmpty()
                        .allMatch(extent -> extent.base() != hot.base())
                        .allMatch(extent -> heat(written, extent) == HeatCode.HOTTEST);
                assertThat(heat(written, extents.get(0))).isZero();
                task.key(0);
                task.state(STATE).update("changed " + id);
            }
        }
    }

    /** A checkpoint before which the extent with index 9 was read most, and then that with 4. */
    private KeyedStateHandle readTwoExtents() throws Exception {
        try (TestTask task = TestTask.start(start(all()))) {
            List<Extent> extents = prepare(task);
            read(task, extents.get(4), 40);
            read(task, extents.get(9), 100);
            return task.checkpoint(2, jobManager);
        }
    }

    /** Writes a checkpoint, so that there are extents to be read. */
    private List<Extent> prepare(TestTask task) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            state.update(value(key, 1));
        }
        List<Extent> extents = new WrittenCheckpoint(task.checkpoint(1, jobManager)).extents("v");
        assertThat(extents).hasSizeGreaterThan(12);
        return extents;
    }

    private static void read(TestTask task, Extent extent, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            for (long key = 0; key < KEYS; key++) {
                if (extent.contains(rowKey(key))) {
                    task.key(key);
                    assertThat(task.state(STATE).value()).isEqualTo(value(key, 1));
                }
            }
        }
    }

    private void hydrate(KeyGroupRange keyGroups, KeyedStateHandle handle) throws Exception {
        try (TestTask task = TestTask.restore(start(keyGroups), List.of(handle))) {
            task.keyIn(keyGroups);
            task.state(STATE).update("begins");
            TestTask.awaitHydration();
            task.state(STATE).value();
            assertThat(task.database().coldExtents()).isEmpty();
        }
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(checkpoints, config, keyGroups, Noting::new);
    }

    private static KeyGroupRange all() {
        return KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);
    }

    private static int heat(WrittenCheckpoint written, Extent extent) {
        try {
            Manifest manifest = written.manifest();
            return manifest.states().get("v").extents().stream()
                    .filter(other -> other.contains(extent.lower()))
                    .map(other -> manifest.heat().getOrDefault(other, 0))
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String place(Extent extent) {
        return extent.base().object().name() + " " + extent.base().offset();
    }

    private static String value(long key, int version) {
        return "value " + version + " of " + key;
    }

    /** Flink's row key: key group, key, and the empty namespace. */
    private static byte[] rowKey(long key) {
        return ByteBuffer.allocate(10)
                .put((byte) TestTask.keyGroupOf(key))
                .putLong(key)
                .put((byte) 0)
                .array();
    }

    private final class Noting implements RangedReader {
        private final RangedReader store;

        Noting(RangedReader store) {
            this.store = store;
        }

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            return store.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            downloads.add(object.name() + " " + offset);
            return store.download(object, offset, length, target);
        }
    }
}
