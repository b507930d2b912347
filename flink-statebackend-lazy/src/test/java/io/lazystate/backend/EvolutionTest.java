package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.ScratchDirectory;
import io.lazystate.loading.ColdExtent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.StateMigrationException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Jobs whose code changes between restores: states that go, come, and change their types. */
class EvolutionTest {
    private static final int KEYS = 600;
    private static final KeyGroupRange ALL = KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 1);
    private static final List<KeyGroupRange> HALVES =
            List.of(KeyGroupRange.of(0, 59), KeyGroupRange.of(60, 127));
    private static final ValueStateDescriptor<String> OTHER =
            new ValueStateDescriptor<>("other", StringSerializer.INSTANCE);

    private ScratchDirectory directory;
    private Path checkpoints;
    private Path local;

    private final Configuration config = new Configuration();
    private final JobID job = new JobID();
    private TestJobManager jobManager;
    private CompletedCheckpoint completed;
    private long nextId = 1;

    @BeforeEach
    void configure() throws Exception {
        directory = new ScratchDirectory("evolution");
        checkpoints = Files.createDirectory(directory.path().resolve("checkpoints"));
        local = Files.createDirectory(directory.path().resolve("local"));
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(2 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        newJob();
    }

    private void newJob() throws Exception {
        jobManager = new TestJobManager(start(ALL).storage(job), 1);
        completed = null;
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        try (ScratchDirectory used = directory) {
            Leftovers.assertNone(local, used.path());
        }
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void statesThatNobodyRegistersKeepTheirRows(LoadingMode mode) throws Exception {
        Map<String, String> rows = writeSamples();
        config.set(LazyStateOptions.LOADING_MODE, mode);
        for (List<KeyGroupRange> ranges : List.of(List.of(ALL), HALVES, List.of(ALL))) {
            List<TestTask> tasks = restoreAll(ranges);
            try {
                // As many as any of its extents can take before it is written anew.
                for (int i = 0; i < RunBoundTest.MOST_RUNS; i++) {
                    for (int part = 0; part < ranges.size(); part++) {
                        updateOther(tasks.get(part), ranges.get(part), i);
                    }
                    checkpoint(tasks);
                }
            } finally {
                tasks.forEach(TestTask::close);
            }
        }
        Map<String, String> restored = new TreeMap<>();
        for (KeyGroupRange range : HALVES) {
            try (TestTask task = TestTask.restore(start(range), handles(range))) {
                new SampleStates(task, range).update(8, KEYS, KEYS); // registers all
                restored.putAll(LogicalRows.of(task));
            }
        }
        restored.keySet().removeIf(row -> row.startsWith("other "));
        rows.putAll(changedBy(8));
        assertThat(restored).isEqualTo(rows);
    }

    /** The rows that an update of the one key 0 leaves. */
    private Map<String, String> changedBy(int version) throws Exception {
        Map<String, String> before;
        Map<String, String> after;
        TestTask.Start plain = new TestTask.Start(checkpoints, config);
        try (TestTask task = TestTask.start(plain)) {
            SampleStates states = new SampleStates(task, ALL);
            for (int round = 1; round < 3; round++) {
                states.update(round, KEYS, round);
            }
            before = LogicalRows.of(task);
            states.update(version, KEYS, KEYS);
            after = LogicalRows.of(task);
        }
        after.entrySet().removeAll(before.entrySet());
        return after;
    }

    @Test
    void aRenamedStateIsEmptyAndTheOldOneIsKept() throws Exception {
        Map<String, String> rows = writeSamples();
        ValueStateDescriptor<String> renamed =
                new ValueStateDescriptor<>("renamed", StringSerializer.INSTANCE);
        try (TestTask task = TestTask.restore(start(ALL), handles(ALL))) {
            ValueState<String> state = task.state(renamed);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                assertThat(state.value()).isNull();
            }
            task.key(1);
            state.update("new");
            checkpoint(List.of(task));
        }
        try (TestTask task = TestTask.restore(start(ALL), handles(ALL))) {
            task.key(1);
            assertThat(task.state(renamed).value()).isEqualTo("new");
            assertThat(task.state(SampleStates.VALUE).value()).isEqualTo("1 1");
            Map<String, String> restored = LogicalRows.of(task);
            restored.keySet().removeIf(row -> row.startsWith("renamed "));
            assertThat(restored).isEqualTo(rows);
        }
    }

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void aSerializerMigratesHalfColdState(LoadingMode mode) throws Exception {
        try (TestTask task = TestTask.start(start(ALL))) {
            for (long key = 0; key < KEYS; key++) {
                put(task, 1, key, "old " + key);
            }
            checkpoint(List.of(task));
        }
        config.set(LazyStateOptions.LOADING_MODE, mode);
        try (TestTask task = TestTask.restore(start(ALL), handles(ALL))) {
            for (long key = 0; key < KEYS; key += 7) {
                put(task, 1, key, "new " + key);
            }
            for (long key = 3; key < KEYS; key += 70) {
                task.key(key);
                task.state(versioned(1)).clear();
                task.state(versionedList(1)).clear();
                task.state(versionedMap(1)).clear();
            }
            checkpoint(List.of(task));
        }
        for (List<KeyGroupRange> ranges : List.of(HALVES, List.of(ALL))) {
            List<TestTask> tasks = restoreAll(ranges);
            try {
                for (int i = 0; i < ranges.size(); i++) {
                    TestTask task = tasks.get(i);
                    if (mode == LoadingMode.LAZY) {
                        new StepwiseHydrator(task, local).link(9, null);
                        assertThat(task.database().coldExtents()).isNotEmpty();
                    }
                    assertVersioned(task, ranges.get(i), 2);
                }
                checkpoint(tasks);
            } finally {
                tasks.forEach(TestTask::close);
            }
        }
        try (TestTask task = TestTask.restore(start(ALL), handles(ALL))) {
            Throwable failure = catchThrowable(() -> task.state(versioned(1)));
            assertThat(failure).isInstanceOf(StateMigrationException.class);
        }
    }

    @Test
    void aStateThatMigratesIsResidentFirst() throws Exception {
        try (TestTask task = TestTask.start(start(ALL))) {
            for (long key = 0; key < KEYS; key++) {
                put(task, 1, key, "old " + key);
            }
            checkpoint(List.of(task));
        }
        try (TestTask task = TestTask.restore(start(ALL), handles(ALL))) {
            task.state(versionedList(1));
            assertThat(coldStates(task)).contains("value", "list");
            task.state(versioned(2));
            assertThat(coldStates(task)).contains("list").doesNotContain("value");
            assertThat(task.metrics().coldWrites().sum()).isZero();
            task.key(1);
            assertThat(task.state(versioned(2)).value()).isEqualTo("old 1");
        }
    }

    private static Set<String> coldStates(TestTask task) {
        return task.database().coldExtents().stream()
                .map(ColdExtent::state)
                .collect(Collectors.toSet());
    }

    /** What is read, or what goes wrong, after a state got or lost a time to live. */
    @Test
    void timesToLiveThatComeOrGoDoAsInFlinksRocksDBBackend() throws Exception {
        for (boolean before : new boolean[] {false, true}) {
            for (boolean after : new boolean[] {false, true}) {
                List<String> ours = outcomes(before, after, false);
                List<String> flinks = outcomes(before, after, true);
                assertThat(ours).as("%s, then %s", before, after).isEqualTo(flinks);
                assertThat(ours).hasSize(2 * 3);
            }
        }
    }

    private List<String> outcomes(boolean before, boolean after, boolean flink) throws Exception {
        newJob();
        List<String> outcomes = new ArrayList<>();
        try (TestTask task = start(flink)) {
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                task.state(withTtl(value(), before)).update("v" + key);
                task.state(withTtl(list(), before)).add("v" + key);
                task.state(withTtl(map(), before)).put("k", "v" + key);
            }
            checkpoint(List.of(task));
        }
        // Once more without the states' being read, and so rewritten.
        for (int round = 0; round < 2; round++) {
            try (TestTask task = start(flink)) {
                if (!flink && round == 0) {
                    new StepwiseHydrator(task, local).link(4, null);
                }
                outcomes.add(outcome(() -> read(task, withTtl(value(), after))));
                outcomes.add(outcome(() -> readList(task, withTtl(list(), after))));
                outcomes.add(outcome(() -> readMap(task, withTtl(map(), after))));
                if (outcomes.stream().noneMatch(outcome -> outcome.startsWith("failed"))) {
                    checkpoint(List.of(task));
                }
            }
        }
        return outcomes;
    }

    private interface Reading {
        String read() throws Exception;
    }

    private static String outcome(Reading reading) {
        try {
            return reading.read();
        } catch (Exception e) {
            Throwable root = e;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            return "failed: " + root.getClass().getName();
        }
    }

    private static String read(TestTask task, ValueStateDescriptor<String> descriptor)
            throws Exception {
        StringBuilder all = new StringBuilder();
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            all.append(task.state(descriptor).value()).append(' ');
        }
        return all.toString();
    }

    private static String readList(TestTask task, ListStateDescriptor<String> descriptor)
            throws Exception {
        StringBuilder all = new StringBuilder();
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            Iterable<String> found = task.state(descriptor).get();
            if (found != null) {
                found.forEach(all::append);
            }
            all.append(' ');
        }
        return all.toString();
    }

    private static String readMap(TestTask task, MapStateDescriptor<String, String> descriptor)
            throws Exception {
        StringBuilder all = new StringBuilder();
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            all.append(task.state(descriptor).get("k")).append(' ');
        }
        return all.toString();
    }

    private static ValueStateDescriptor<String> value() {
        return new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    }

    private static ListStateDescriptor<String> list() {
        return new ListStateDescriptor<>("list", StringSerializer.INSTANCE);
    }

    private static MapStateDescriptor<String, String> map() {
        return new MapStateDescriptor<>(
                "map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);
    }

    private static <D extends StateDescriptor<?, ?>> D withTtl(D descriptor, boolean ttl) {
        if (ttl) {
            descriptor.enableTimeToLive(StateTtlConfig.newBuilder(Duration.ofDays(1)).build());
        }
        return descriptor;
    }

    private TestTask start(boolean flink) throws Exception {
        Collection<KeyedStateHandle> handles = completed == null ? List.of() : handles(ALL);
        return flink
                ? TestTask.ofFlink(start(ALL), new EmbeddedRocksDBStateBackend(true), handles)
                : TestTask.restore(start(ALL), handles);
    }

    private static void put(TestTask task, int version, long key, String text) throws Exception {
        task.key(key);
        task.state(versioned(version)).update(text);
        task.state(versionedList(version)).add(text);
        task.state(versionedMap(version)).put("k", text);
    }

    private static void assertVersioned(TestTask task, KeyGroupRange range, int version)
            throws Exception {
        ValueState<String> value = task.state(versioned(version));
        ListState<String> list = task.state(versionedList(version));
        MapState<String, String> map = task.state(versionedMap(version));
        for (long key = 0; key < KEYS; key++) {
            if (!range.contains(TestTask.keyGroupOf(key))) {
                continue;
            }
            task.key(key);
            if (key % 70 == 3) {
                assertThat(value.value()).isNull();
                assertThat(list.get()).isNullOrEmpty();
                assertThat(map.isEmpty()).isTrue();
            } else {
                String last = (key % 7 == 0 ? "new " : "old ") + key;
                assertThat(value.value()).isEqualTo(last);
                assertThat(list.get()).first().isEqualTo("old " + key);
                assertThat(list.get()).last().isEqualTo(last);
                assertThat(map.get("k")).isEqualTo(last);
            }
        }
    }

    private static TypeSerializer<String> serializer(int version) {
        return new VersionedStringSerializer(version);
    }

    private static ValueStateDescriptor<String> versioned(int version) {
        return new ValueStateDescriptor<>("value", serializer(version));
    }

    private static ListStateDescriptor<String> versionedList(int version) {
        return new ListStateDescriptor<>("list", serializer(version));
    }

    private static MapStateDescriptor<String, String> versionedMap(int version) {
        return new MapStateDescriptor<>("map", StringSerializer.INSTANCE, serializer(version));
    }

    /** Base runs and a delta, of all kinds of states. */
    private Map<String, String> writeSamples() throws Exception {
        try (TestTask task = TestTask.start(start(ALL))) {
            SampleStates states = new SampleStates(task, ALL);
            for (int round = 1; round < 3; round++) {
                states.update(round, KEYS, round);
                checkpoint(List.of(task));
            }
            return LogicalRows.of(task);
        }
    }

    private static void updateOther(TestTask task, KeyGroupRange range, int version)
            throws Exception {
        for (long key = 0; key < KEYS; key += 5) {
            if (range.contains(TestTask.keyGroupOf(key))) {
                task.key(key);
                task.state(OTHER).update(version + " " + key);
            }
        }
    }

    private List<TestTask> restoreAll(List<KeyGroupRange> ranges) throws Exception {
        List<TestTask> tasks = new ArrayList<>();
        for (KeyGroupRange range : ranges) {
            tasks.add(TestTask.restore(start(range), handles(range)));
        }
        return tasks;
    }

    private void checkpoint(List<TestTask> tasks) throws Exception {
        long id = nextId++;
        jobManager.trigger(id, tasks.size(), TestJobManager.CHECKPOINT);
        for (int i = 0; i < tasks.size(); i++) {
            completed = jobManager.acknowledge(id, i, tasks.get(i).snapshot(id));
        }
        for (TestTask task : tasks) {
            task.backend().notifyCheckpointComplete(id);
        }
    }

    private Collection<KeyedStateHandle> handles(KeyGroupRange keyGroups) throws Exception {
        return TestJobManager.handles(
                jobManager.load(completed.getExternalPointer(), TestJobManager.CHECKPOINT),
                keyGroups);
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(
                checkpoints, config, keyGroups, store -> store, job, TestTask.MAX_PARALLELISM);
    }
}
