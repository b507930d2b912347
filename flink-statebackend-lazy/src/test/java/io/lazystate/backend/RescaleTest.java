package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import io.lazystate.backend.ReadLog.Request;
import io.lazystate.manifest.Extent;
import io.lazystate.run.Run;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A restore with another parallelism loses no row, and costs what any restore costs. */
class RescaleTest {
    private static final int KEYS = 1_500;
    private static final List<String> STATES = List.of("value", "list", "map");
    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<String> LIST =
            new ListStateDescriptor<>("list", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    /** Where the key groups are cut, before and after. */
    enum Rescale {
        OUT(128, List.of(), List.of(63, 64, 101)),
        IN(128, List.of(31, 64, 90), List.of()),
        UNEVEN(128, List.of(40, 80), List.of(5, 79, 120)),
        TO_ANOTHER_CUT(128, List.of(64), List.of(63)),
        OF_ONE_KEY_GROUP(1, List.of(), List.of()),
        OF_WIDE_KEY_GROUPS(32_768, List.of(9_000), List.of(255, 256, 20_000));

        private final int maxParallelism;
        private final List<KeyGroupRange> before;
        private final List<KeyGroupRange> after;

        Rescale(int maxParallelism, List<Integer> before, List<Integer> after) {
            this.maxParallelism = maxParallelism;
            this.before = ranges(before);
            this.after = ranges(after);
        }

        private List<KeyGroupRange> ranges(List<Integer> cuts) {
            List<KeyGroupRange> ranges = new ArrayList<>();
            int from = 0;
            for (int cut : cuts) {
                ranges.add(KeyGroupRange.of(from, cut - 1));
                from = cut;
            }
            ranges.add(KeyGroupRange.of(from, maxParallelism - 1));
            return ranges;
        }
    }

    private ScratchDirectory directory;
    private Path checkpoints;
    private Path local;

    private final Configuration config = new Configuration();
    private final JobID job = new JobID();
    private final AtomicReference<ReadLog> log = new AtomicReference<>();
    private TestJobManager jobManager;
    private CompletedCheckpoint completed;
    private Map<String, String> rows = new TreeMap<>();

    @BeforeEach
    void configure() throws Exception {
        directory = new ScratchDirectory("rescale");
        checkpoints = Files.createDirectory(directory.path().resolve("checkpoints"));
        local = Files.createDirectory(directory.path().resolve("local"));
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(2 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        TestTask.Start any = start(1, KeyGroupRange.of(0, 0));
        jobManager = new TestJobManager(any.storage(job), 1);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        try (ScratchDirectory used = directory) {
            Leftovers.assertNone(local, used.path());
        }
    }

    @ParameterizedTest
    @EnumSource(Rescale.class)
    void readsOnlyManifestsAndTimerHeadsBeforeTheTaskRuns(Rescale rescale) throws Exception {
        writeBaseAndDelta(rescale);
        Map<String, String> restored = new TreeMap<>();
        for (KeyGroupRange keyGroups : rescale.after) {
            List<KeyedStateHandle> handles = handles(keyGroups);
            try (TestTask task = TestTask.restore(start(rescale, keyGroups), handles)) {
                assertOnlyManifestsAndTimerHeads(task, handles);
                restored.putAll(LogicalRows.of(task));
            }
        }
        assertThat(restored).isEqualTo(rows);
    }

    @ParameterizedTest
    @EnumSource(Rescale.class)
    void hydrationDecodesNoBaseRowButThoseOfClippedExtents(Rescale rescale) throws Exception {
        writeBaseAndDelta(rescale);
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        long downloads = 0;
        Map<String, String> restored = new TreeMap<>();
        for (KeyGroupRange keyGroups : rescale.after) {
            List<KeyedStateHandle> handles = handles(keyGroups);
            try (TestTask task = TestTask.restore(start(rescale, keyGroups), handles)) {
                assertFewBasesDecoded(handles);
                downloads += task.reads().fileReads();
                assertThat(task.database().coldExtents()).isEmpty();
                restored.putAll(LogicalRows.of(task));
            }
        }
        assertThat(downloads).as("of whole bases").isGreaterThan(3 * 2L);
        assertThat(restored).isEqualTo(rows);
    }

    @ParameterizedTest
    @EnumSource(Rescale.class)
    void theNextCheckpointUploadsNoRow(Rescale rescale) throws Exception {
        writeBaseAndDelta(rescale);
        List<TestTask> tasks = new ArrayList<>();
        try {
            for (KeyGroupRange keyGroups : rescale.after) {
                tasks.add(TestTask.restore(start(rescale, keyGroups), handles(keyGroups)));
            }
            assertThat(checkpoint(4, tasks)).as("files but for manifests").isEmpty();
        } finally {
            tasks.forEach(TestTask::close);
        }
        assertRestored(rescale, rescale.before);
    }

    /** Clipped extents are clipped again, some of them linked, with rows written over both. */
    @ParameterizedTest
    @EnumSource(Rescale.class)
    void againBeforeHydrationIsComplete(Rescale rescale) throws Exception {
        writeBaseAndDelta(rescale);
        for (int round = 0; round < 4; round++) {
            List<KeyGroupRange> ranges = round % 2 == 0 ? rescale.after : rescale.before;
            List<TestTask> tasks = new ArrayList<>();
            try {
                for (KeyGroupRange keyGroups : ranges) {
                    tasks.add(TestTask.restore(start(rescale, keyGroups), handles(keyGroups)));
                }
                rows.clear();
                for (int i = 0; i < tasks.size(); i++) {
                    new StepwiseHydrator(tasks.get(i), local).link(5 + round, null);
                    update(
                            tasks.get(i),
                            tasks.get(i).timers("timers")::add,
                            rescale,
                            ranges.get(i),
                            round,
                            13);
                    rows.putAll(LogicalRows.of(tasks.get(i)));
                }
                checkpoint(4 + round, tasks);
            } finally {
                tasks.forEach(TestTask::close);
            }
        }
        assertRestored(rescale, rescale.after);
    }

    private void assertRestored(Rescale rescale, List<KeyGroupRange> ranges) throws Exception {
        Map<String, String> restored = new TreeMap<>();
        for (KeyGroupRange keyGroups : ranges) {
            try (TestTask task = TestTask.restore(start(rescale, keyGroups), handles(keyGroups))) {
                restored.putAll(LogicalRows.of(task));
            }
        }
        assertThat(restored).isEqualTo(rows);
    }

    private void assertOnlyManifestsAndTimerHeads(TestTask task, List<KeyedStateHandle> handles)
            throws Exception {
        List<Run> timers = new ArrayList<>();
        for (KeyedStateHandle handle : handles) {
            timers.addAll(new WrittenCheckpoint(handle).runs("timers"));
        }
        List<Request> requests = new ArrayList<>(log.get().requests());
        assertThat(requests).as("files").noneMatch(Request::download);
        requests.removeIf(request -> timers.stream().anyMatch(request::isOf));
        assertThat(requests).as("all but timers: the manifests").hasSameSizeAs(handles);
        long manifests = 0;
        for (KeyedStateHandle handle : handles) {
            manifests += new WrittenCheckpoint(handle).manifestBytes();
        }
        assertThat(requests.stream().mapToLong(Request::length).sum()).isEqualTo(manifests);
        assertThat(task.metrics().faults().sum()).isZero();
        assertThat(task.metrics().extentsLinked().sum()).isZero();
    }

    private void assertFewBasesDecoded(List<KeyedStateHandle> handles) throws Exception {
        List<Request> requests = log.get().requests();
        for (KeyedStateHandle handle : handles) {
            for (String state : STATES) {
                Set<Run> bases = new HashSet<>();
                for (Extent extent : new WrittenCheckpoint(handle).extents(state)) {
                    bases.add(extent.base());
                }
                assertThat(bases).as("extents of %s", state).hasSizeGreaterThan(2);
                bases.removeIf(
                        base -> requests.stream().noneMatch(r -> !r.download() && r.isOf(base)));
                assertThat(bases).as("decoded bases of %s", state).hasSizeLessThanOrEqualTo(2);
            }
        }
    }

    /** Every subtask has base runs, and a delta over some of their extents. */
    private void writeBaseAndDelta(Rescale rescale) throws Exception {
        List<TestTask> tasks = new ArrayList<>();
        try {
            for (KeyGroupRange keyGroups : rescale.before) {
                tasks.add(TestTask.start(start(rescale, keyGroups)));
            }
            List<Timers> timers = new ArrayList<>();
            for (int i = 0; i < tasks.size(); i++) {
                timers.add(tasks.get(i).timers("timers")::add);
                update(tasks.get(i), timers.get(i), rescale, rescale.before.get(i), 100, 1);
            }
            checkpoint(1, tasks);
            for (int i = 0; i < tasks.size(); i++) {
                update(tasks.get(i), timers.get(i), rescale, rescale.before.get(i), 200, 29);
                rows.putAll(LogicalRows.of(tasks.get(i)));
            }
            checkpoint(2, tasks);
        } finally {
            tasks.forEach(TestTask::close);
        }
    }

    /** A queue that takes timers; one task has one. */
    private interface Timers {
        boolean add(TimerHeapInternalTimer<Long, VoidNamespace> timer);
    }

    private static void update(
            TestTask task,
            Timers timers,
            Rescale rescale,
            KeyGroupRange keyGroups,
            int version,
            int step)
            throws Exception {
        for (long key = 0; key < KEYS; key += step) {
            int keyGroup = KeyGroupRangeAssignment.assignToKeyGroup(key, rescale.maxParallelism);
            if (keyGroups.contains(keyGroup)) {
                task.key(key);
                task.state(VALUE).update(version + " " + key);
                task.state(LIST).add(version + " " + key);
                task.state(MAP).put("one", version + " " + key);
                task.state(MAP).put("at " + version, "other");
                task.state(MAP).remove("at " + (version - 1));
                timers.add(TestTask.timer(1000L * version + key, key));
            }
        }
    }

    /** Returns the files that it consists of besides manifests, without those of earlier ones. */
    private Set<Path> checkpoint(long id, List<TestTask> tasks) throws Exception {
        Set<Path> newFiles = new HashSet<>();
        jobManager.trigger(id, tasks.size(), TestJobManager.CHECKPOINT);
        for (int i = 0; i < tasks.size(); i++) {
            KeyedStateHandle handle = tasks.get(i).snapshot(id);
            newFiles.addAll(new WrittenCheckpoint(handle).newFiles());
            completed = jobManager.acknowledge(id, i, handle);
        }
        for (TestTask task : tasks) {
            task.backend().notifyCheckpointComplete(id);
        }
        return newFiles;
    }

    /** As the metadata describes them. */
    private List<KeyedStateHandle> handles(KeyGroupRange keyGroups) throws Exception {
        return List.copyOf(
                TestJobManager.handles(
                        jobManager.load(completed.getExternalPointer(), TestJobManager.CHECKPOINT),
                        keyGroups));
    }

    private TestTask.Start start(Rescale rescale, KeyGroupRange keyGroups) {
        return start(rescale.maxParallelism, keyGroups);
    }

    private TestTask.Start start(int maxParallelism, KeyGroupRange keyGroups) {
        return new TestTask.Start(
                checkpoints,
                config,
                keyGroups,
                store -> {
                    log.set(new ReadLog(store));
                    return log.get();
                },
                job,
                maxParallelism);
    }
}
