package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Files that are missing, cut short or altered fail whatever needs them, by name, and harm nothing
 * else (I3, I8).
 */
class DamagedFilesTest {
    private static final int KEYS = 1_000;
    private static final ValueStateDescriptor<String> DAMAGED =
            new ValueStateDescriptor<>("damaged", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<String> DAMAGED_LIST =
            new ListStateDescriptor<>("damagedList", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> DAMAGED_MAP =
            new MapStateDescriptor<>(
                    "damagedMap", StringSerializer.INSTANCE, StringSerializer.INSTANCE);
    private static final ValueStateDescriptor<String> SOUND =
            new ValueStateDescriptor<>("sound", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;
    @TempDir Path local;

    private final Configuration config = new Configuration();
    private TestTask.Start start;
    private TestJobManager jobManager;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        start = new TestTask.Start(checkpoints, config);
        jobManager = new TestJobManager();
        try (TestTask task = TestTask.start(start)) {
            ValueState<String> damaged = task.state(DAMAGED);
            ListState<String> list = task.state(DAMAGED_LIST);
            MapState<String, String> map = task.state(DAMAGED_MAP);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                damaged.update("old " + key);
                list.add("old " + key);
                map.put("entry", "old " + key);
            }
            task.checkpoint(0, jobManager);
            ValueState<String> sound = task.state(SOUND); // in files of its own
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                sound.update("old " + key);
            }
            handle = task.checkpoint(1, jobManager);
        }
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void aColdReadFailsAndOtherStatesAreReadable(Damage damage) throws Exception {
        damageTables(damage);
        for (long key = 0; key < KEYS; key += KEYS / 4) {
            try (TestTask task = TestTask.restore(start, List.of(handle))) {
                ValueState<String> damaged = task.state(DAMAGED);
                task.key(key);
                assertThat(task.state(SOUND).value()).isEqualTo("old " + key);
                Throwable failure = catchThrowable(damaged::value);
                assertNamed(failure, "damaged");
                assertThat(task.failures()).containsExactly(failure);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void aColdIterationFails(Damage damage) throws Exception {
        damageTables(damage);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            MapState<String, String> map = task.state(DAMAGED_MAP);
            task.key(1);
            assertNamed(catchThrowable(() -> map.entries().iterator().hasNext()), "damagedMap");
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            MapState<String, String> map = task.state(DAMAGED_MAP);
            task.key(1);
            assertNamed(catchThrowable(map::isEmpty), "damagedMap");
        }
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void aRestoreThatLoadsItFails(Damage damage) throws Exception {
        damageTables(damage);
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        Throwable failure = catchThrowable(() -> TestTask.restore(start, List.of(handle)).close());
        assertThat(failure).isInstanceOf(BackendBuildingException.class);
        LazyStateException e = assertNamed(failure, "damaged");
        assertThat(failure).hasMessageContaining(e.where().object()).hasMessageContaining("op");
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void hydrationLeavesItColdAndTheReadFailsAlike(Damage damage) throws Exception {
        damageTables(damage);
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            ValueState<String> damaged = task.state(DAMAGED);
            ValueState<String> sound = task.state(SOUND);
            task.key(1);
            assertThat(sound.value()).isEqualTo("old 1");
            TestTask.awaitHydration();
            assertThat(task.metrics().extentsLinked().sum())
                    .isEqualTo(new WrittenCheckpoint(handle).extents("sound").size());
            assertThat(filesOfWork()).isEmpty();
            assertThat(sound.value()).isEqualTo("old 1");
            assertNamed(catchThrowable(damaged::value), "damaged");
        }
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void anAppendThatCannotReadChangesNothing(Damage damage) throws Exception {
        Map<Path, byte[]> intact = damageTables(damage);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            ListState<String> list = task.state(DAMAGED_LIST);
            task.key(1);
            assertNamed(catchThrowable(() -> list.add("new")), "damagedList");
            repair(intact);
            assertThat(catchThrowable(list::get)).hasMessageContaining("An earlier access");
            assertThat(catchThrowable(() -> task.snapshot(2)))
                    .hasMessageContaining("An earlier access");
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            task.key(1);
            assertThat(task.state(DAMAGED_LIST).get()).containsExactly("old 1");
        }
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void checkpointsGoOnUntilOneMustRewriteIt(Damage damage) throws Exception {
        int round = 1;
        Map<Path, byte[]> intact = new HashMap<>();
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            do { // what could be merged or folded cannot be read, and stays as it is
                damageRuns(damage, new WrittenCheckpoint(handle).runs("damaged"), intact);
                updateAll(task, ++round);
                handle = task.checkpoint(round, jobManager);
            } while (mostRuns() < RunBoundTest.MOST_RUNS);
            damageRuns(damage, new WrittenCheckpoint(handle).runs("damaged"), intact);
            int failing = round + 1;
            updateAll(task, failing);
            Set<Path> before = filesOfStore();

            assertNamed(catchThrowable(() -> task.snapshot(failing)), "damaged");

            assertThat(filesOfStore()).isEqualTo(before);
            task.backend().notifyCheckpointAborted(failing);
            repair(intact);
            handle = task.checkpoint(failing + 1, jobManager);
            assertThat(mostRuns()).isLessThan(RunBoundTest.MOST_RUNS);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            ValueState<String> damaged = task.state(DAMAGED);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                assertThat(damaged.value())
                        .isEqualTo((key % 2 == 0 ? (round + 1) + " " : "old ") + key);
            }
        }
    }

    private int mostRuns() throws IOException {
        return new WrittenCheckpoint(handle)
                .extents("damaged").stream().mapToInt(Extent::runs).max().orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void aFullCopyFailsAndLeavesNoFile(Damage damage) throws Exception {
        damageTables(damage);
        assertFullCopyFails();
    }

    @Test
    void aFullCopyHandsOnNoDamageToPageTables() throws Exception {
        for (Run run : new WrittenCheckpoint(handle).runs("damaged")) {
            flip(run, run.pageTableOffset() + run.meta().pageTableBytes() / 2);
        }
        assertFullCopyFails();
    }

    @Test
    void aFullCopyHandsOnNoDamageToFilters() throws Exception {
        for (Run run : new WrittenCheckpoint(handle).runs("damaged")) {
            flip(run, run.filterOffset() + run.meta().filterBytes() / 2);
        }
        assertFullCopyFails();
    }

    @Test
    void aDamagedFilterMakesNoKeyAbsent() throws Exception {
        for (Run run : new WrittenCheckpoint(handle).runs("damaged")) {
            for (int i = 0; i < run.meta().filterBytes(); i++) {
                flip(run, run.filterOffset() + i);
            }
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            ValueState<String> damaged = task.state(DAMAGED);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                assertThat(damaged.value()).isEqualTo("old " + key);
            }
            for (long key = KEYS; key < 2 * KEYS; key++) {
                task.key(key);
                assertThat(damaged.value()).isNull();
            }
        }
    }

    private void assertFullCopyFails() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            Set<Path> before = filesOfStore();
            RunnableFuture<SnapshotResult<KeyedStateHandle>> phase =
                    task.trigger(
                            2,
                            new CheckpointOptions(
                                    CheckpointType.FULL_CHECKPOINT,
                                    CheckpointStorageLocationReference.getDefault()));
            phase.run();
            assertNamed(catchThrowable(phase::get), "damaged");
            assertThat(filesOfStore()).isEqualTo(before);
        }
    }

    /** The error says which state, which file, and what to do. */
    private LazyStateException assertNamed(Throwable failure, String state) throws IOException {
        LazyStateException e =
                ExceptionUtils.findThrowable(failure, LazyStateException.class).orElseThrow();
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        Set<String> files =
                new WrittenCheckpoint(handle)
                        .runs(state).stream()
                                .map(run -> run.object().handle().maybeGetPath())
                                .map(path -> path.orElseThrow().toString())
                                .collect(Collectors.toSet());
        assertThat(e.where().object()).isIn(files);
        assertThat(e)
                .hasMessageContaining("'" + state + "'")
                .hasMessageContaining(e.where().object())
                .hasMessageContaining("restore from a backup copy, or from an older checkpoint");
        return e;
    }

    /** Damages every page of the base runs of three states; returns what their files were. */
    private Map<Path, byte[]> damageTables(Damage damage) throws IOException {
        Map<Path, byte[]> intact = new HashMap<>();
        List<Run> bases = new ArrayList<>();
        for (String state : List.of("damaged", "damagedList", "damagedMap")) {
            new WrittenCheckpoint(handle).extents(state).forEach(e -> bases.add(e.base()));
        }
        damageRuns(damage, bases, intact);
        return intact;
    }

    /**
     * Damages every page of these runs, but not in files that are damaged already.
     *
     * @param intact what damaged files were; gets what is damaged now
     */
    private static void damageRuns(Damage damage, List<Run> runs, Map<Path, byte[]> intact)
            throws IOException {
        Set<Path> damaged = Set.copyOf(intact.keySet());
        for (Run run : runs) {
            Path file = WrittenCheckpoint.file(run.object().handle());
            if (damaged.contains(file)) {
                continue;
            }
            if (!intact.containsKey(file)) {
                intact.put(file, Files.readAllBytes(file));
            }
            PageTable pages = run.pageTable();
            long[] offsets = new long[pages.pages()];
            for (int i = 0; i < offsets.length; i++) {
                PageRef page = pages.page(i);
                offsets[i] = run.offset() + page.offset() + page.length() / 2;
            }
            damage.apply(file, offsets);
        }
    }

    private static void repair(Map<Path, byte[]> intact) throws IOException {
        for (Map.Entry<Path, byte[]> file : intact.entrySet()) {
            Files.write(file.getKey(), file.getValue());
        }
    }

    private static void flip(Run run, long offset) throws IOException {
        Damage.FLIPPED.apply(WrittenCheckpoint.file(run.object().handle()), offset);
    }

    private static void updateAll(TestTask task, int round) throws Exception {
        ValueState<String> damaged = task.state(DAMAGED);
        for (long key = 0; key < KEYS; key += 2) {
            task.key(key);
            damaged.update(round + " " + key);
        }
    }

    private Set<Path> filesOfStore() throws IOException {
        try (Stream<Path> files = Files.walk(checkpoints)) {
            return files.filter(Files::isRegularFile).collect(Collectors.toSet());
        }
    }

    private List<Path> filesOfWork() throws IOException {
        try (Stream<Path> files = Files.walk(local)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> file.getParent().endsWith("lazy"))
                    .toList();
        }
    }
}
