package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Timers, {@code putAll} and {@code clear} of a map reach the database in batches only: what they
 * change must be in the next checkpoint too (I6).
 */
class BatchedWritesTest {
    private static final int KEYS = 300;
    private static final int ENTRIES = 5;
    private static final MapStateDescriptor<Long, String> MAP =
            new MapStateDescriptor<>("m", LongSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Map<Long, Map<Long, String>> maps = new HashMap<>();
    private final TreeSet<Long> timers = new TreeSet<>();

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void ofResidentStateAreInTheCheckpoint(LoadingMode restoredIn) throws Exception {
        TestJobManager jobManager = new TestJobManager();
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start(LoadingMode.EAGER))) {
            var queue = task.timers("timers");
            write(task, queue, 0);
            handle = task.checkpoint(1, jobManager);
            // From here on a row is saved only if its key was logged.
            write(task, queue, 1);
            handle = task.checkpoint(2, jobManager);
        }
        try (TestTask task = TestTask.restore(start(LoadingMode.EAGER), List.of(handle))) {
            assertThat(task.metrics().extentsLinked().sum()).as("resident again").isPositive();
            write(task, task.timers("timers"), 2);
            handle = task.checkpoint(3, jobManager);
        }
        try (TestTask task = TestTask.restore(start(restoredIn), List.of(handle))) {
            verify(task);
        }
    }

    /** Adds, overwrites and removes, through batches only. */
    private void write(
            TestTask task,
            KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<Long, VoidNamespace>> queue,
            int round)
            throws Exception {
        MapState<Long, String> map = task.state(MAP);
        for (long key = round * 100L; key < KEYS + round * 100L; key++) {
            task.key(key);
            if (key % 10 == round) {
                map.clear();
                maps.remove(key);
                continue;
            }
            Map<Long, String> entries = new HashMap<>();
            for (long entry = round; entry < ENTRIES + round; entry++) {
                entries.put(entry, "round " + round + ", " + key + "/" + entry);
            }
            map.putAll(entries);
            maps.computeIfAbsent(key, k -> new HashMap<>()).putAll(entries);
        }
        for (int i = 0; i < KEYS; i++) {
            long timestamp = 1000L * (3 - round) + i;
            queue.add(TestTask.timer(timestamp, timestamp));
            timers.add(timestamp);
        }
        for (int i = 0; i < KEYS / 3; i++) {
            assertThat(queue.poll().getTimestamp()).isEqualTo(timers.pollFirst());
        }
    }

    private void verify(TestTask task) throws Exception {
        MapState<Long, String> map = task.state(MAP);
        for (long key = 0; key < KEYS + 300; key++) {
            task.key(key);
            Map<Long, String> found = new HashMap<>();
            map.entries().forEach(entry -> found.put(entry.getKey(), entry.getValue()));
            assertThat(found).as("key " + key).isEqualTo(maps.getOrDefault(key, Map.of()));
        }
        var queue = task.timers("timers");
        TreeSet<Long> found = new TreeSet<>();
        for (var next = queue.poll(); next != null; next = queue.poll()) {
            found.add(next.getTimestamp());
        }
        assertThat(found).isEqualTo(timers);
    }

    private TestTask.Start start(LoadingMode mode) {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        return new TestTask.Start(checkpoints, config);
    }
}
