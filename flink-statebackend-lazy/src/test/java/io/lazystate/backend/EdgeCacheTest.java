package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.Condition;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.Snapshot;

/** Backends that cache on the local disk what they read: what is there costs no request. */
class EdgeCacheTest {
    private static final int KEYS = 1_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;
    @TempDir Path local;
    @TempDir Path edge;

    private final Configuration config = new Configuration();
    private final AtomicReference<StoreGate> gate = new AtomicReference<>();
    private final TestJobManager jobManager = new TestJobManager();
    private TestTask.Start start;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        config.set(LazyStateOptions.EDGE_CACHE_DIR, edge.toString());
        config.set(LazyStateOptions.EDGE_CACHE_MAX_BYTES, MemorySize.ofMebiBytes(16));
        start =
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store -> {
                            gate.set(new StoreGate(store));
                            return gate.get();
                        });
        try (TestTask task = TestTask.start(start)) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("old " + key);
            }
            task.checkpoint(1, jobManager);
            for (long key = 0; key < KEYS; key += 10) {
                task.key(key);
                state.update("new " + key);
            }
            handle = task.checkpoint(2, jobManager);
            assertThat(task.reads().requests()).isZero();
        }
    }

    /** The cache's own directory is what may stay. */
    @AfterEach
    void nothingElseIsLeft() throws Exception {
        Leftovers.assertNone(local, checkpoints, edge);
    }

    /** Also the restore's own reads: a start while the store is away. */
    @Test
    void whatARestartedTaskReadBeforeCostsNoRequest() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            readAll(task);
            assertThat(task.settled().reads().requests()).isPositive();
            awaitEntries(task.reads().requests());
        }
        try (TestTask task = restoreWithoutStore()) {
            readAll(task);
            assertThat(task.reads().requests()).isZero();
            assertThat(task.metrics().edgeMisses().sum()).isZero();
            assertThat(task.metrics().bytesRead().sum())
                    .isLessThanOrEqualTo(task.metrics().edgeHitBytes().sum());
        }
    }

    @Test
    void whatWasHydratedIsLinkedFromTheCache() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        TestTask.restore(start, List.of(handle)).close();
        try (TestTask task = restoreWithoutStore()) {
            assertThat(task.metrics().extentsLinked().sum())
                    .isEqualTo(new WrittenCheckpoint(handle).extents("v").size());
            assertThat(task.reads().requests()).isZero();
            readAll(task);
        }
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            readAll(task);
            assertThat(task.reads().requests())
                    .as("filters, which no hydration reads; the pages are those of whole tables")
                    .isLessThanOrEqualTo(new WrittenCheckpoint(handle).runs("v").size());
        }
    }

    /** Files that are linked while somebody has a snapshot get a sequence number of their own. */
    @Test
    void theDatabaseWritesNothingIntoFilesThatItSharesWithTheCache() throws Exception {
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            Snapshot snapshot = task.database().getSnapshot();
            task.key(KEYS);
            task.state(STATE).update("makes sequence numbers go on"); // and hydration begin
            TestTask.awaitHydration();
            task.key(1);
            assertThat(task.state(STATE).value()).isEqualTo("old 1");
            task.database().releaseSnapshot(snapshot);
        }
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = restoreWithoutStore()) {
            assertThat(task.metrics().edgeDamaged().sum()).isZero();
            readAll(task);
        }
    }

    @Test
    void tasksOfAProcessShareIt() throws Exception {
        try (TestTask first = TestTask.restore(start, List.of(handle))) {
            readAll(first);
            awaitEntries(first.settled().metrics().edgeMisses().sum());
            try (TestTask second = restoreWithoutStore()) {
                readAll(second);
                assertThat(second.reads().requests()).isZero();
            }
            readAll(first);
        }
    }

    @Test
    void damagedEntriesAreReadFromTheStore() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            readAll(task);
        }
        for (Path entry : entries()) {
            Damage.FLIPPED.apply(entry, Files.size(entry) / 2);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            readAll(task);
            assertThat(task.metrics().edgeDamaged().sum()).isPositive();
            assertThat(task.metrics().edgeHits().sum()).isZero();
        }
        try (TestTask task = restoreWithoutStore()) {
            readAll(task);
        }
    }

    @Test
    void damagedTablesAreDownloadedAnew() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        TestTask.restore(start, List.of(handle)).close();
        for (Path entry : entries()) {
            Damage.FLIPPED.apply(entry, Files.size(entry) / 2);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            assertThat(task.reads().fileReads()).isPositive();
            readAll(task);
        }
        try (TestTask task = restoreWithoutStore()) {
            readAll(task);
        }
    }

    /** Nothing is believed to be absent because it is not cached. */
    @Test
    void whatIsNotCachedFailsWithTheStore() throws Exception {
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            gate.get().close();
            task.key(1);
            LazyStateException e =
                    ExceptionUtils.findThrowable(
                                    catchThrowable(task.state(STATE)::value),
                                    LazyStateException.class)
                            .orElseThrow();
            assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        }
    }

    @Test
    void withoutABoundThereIsNone() throws Exception {
        config.removeConfig(LazyStateOptions.EDGE_CACHE_MAX_BYTES);
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            readAll(task);
            assertThat(task.metrics().edgeMisses().sum()).isZero();
        }
        assertThat(entries()).isEmpty();
    }

    private TestTask restoreWithoutStore() throws Exception {
        return TestTask.restore(
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store -> {
                            StoreGate closed = new StoreGate(store);
                            closed.close();
                            return closed;
                        }),
                List.of(handle));
    }

    /** They are written by a thread of the cache's own. */
    private void awaitEntries(long number) {
        Condition.await("what was read is cached", () -> entries().size() >= number);
    }

    private static void readAll(TestTask task) throws Exception {
        ValueState<String> state = task.state(STATE);
        for (long key = 0; key < KEYS; key++) {
            task.key(key);
            assertThat(state.value()).isEqualTo((key % 10 == 0 ? "new " : "old ") + key);
        }
    }

    /** Also while some are written. */
    private List<Path> entries() {
        List<Path> entries = new ArrayList<>();
        for (File slot : edge.toFile().listFiles()) {
            for (File bucket : slot.listFiles(File::isDirectory)) {
                for (File entry : bucket.listFiles()) {
                    entries.add(entry.toPath());
                }
            }
        }
        return entries;
    }
}
