package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.Condition;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.ExtentHeat;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.paging.Evictable;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.tiers.LocalBudget;
import io.lazystate.tiers.TierKeeper;
import io.lazystate.tiers.TierSettings;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.LiveFileMetaData;

/** State that does not fit on the local disk, or has to leave it. */
class EvictionTest {
    private static final int VALUE_BYTES = 1000;
    private static final int KEYS = 4000;
    private static final long BUDGET = KEYS * VALUE_BYTES / 10;
    private static final int PROMOTE_AFTER_READS = 100;
    private static final ValueStateDescriptor<byte[]> STATE =
            new ValueStateDescriptor<>("v", BytePrimitiveArraySerializer.INSTANCE);

    @TempDir Path checkpoints;
    @TempDir Path scratch;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private final Random random = new Random(7);
    private final Map<Long, byte[]> model = new HashMap<>();
    private ExtentHeat heat;
    private long checkpoint;

    @BeforeEach
    void makeFilesSmall() {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(4 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(40 << 10));
        config.set(RocksDBConfigurableOptions.WRITE_BUFFER_SIZE, new MemorySize(32 << 10));
        // Books are kept of what is written; who leaves when is up to each test.
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, MemorySize.ofMebiBytes(1 << 20));
    }

    @Test
    void stateOfTenTimesTheBudgetIsRightAndStaysWithinIt() throws Exception {
        KeyedStateHandle last = null;
        try (TestTask task = TestTask.start(start())) {
            TierKeeper keeper = keeper(task, BUDGET);
            task.database().localSpace().setGenerationBytes(BUDGET / 32);
            for (int round = 0; round < 100; round++) {
                for (int i = 0; i < KEYS / 80; i++) {
                    write(task, random.nextInt(KEYS));
                    check(task, random.nextInt(KEYS));
                }
                for (long key = 0; round < 60 && key < KEYS / 60; key++) {
                    write(task, round * (KEYS / 60) + key);
                }
                last = task.checkpoint(++checkpoint, jobManager);
                settle(task, keeper);
                awaitLessThan(BUDGET * 11 / 10, task, keeper);
            }
            assertThat(model.size() * (long) VALUE_BYTES).isGreaterThan(9 * BUDGET);
            assertThat(task.metrics().evictions().sum()).isPositive();
            checkAll(task);
        }
        try (TestTask task = TestTask.restore(start(), List.of(last))) {
            checkAll(task);
        }
    }

    @Test
    void whatIsEvictedAndLinkedAgainLandsInTheBottomLevel() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            StepwiseHydrator hydrator = new StepwiseHydrator(task, scratch);
            for (int round = 0; round < 3; round++) {
                hydrator.link(Integer.MAX_VALUE, null);
                task.database().settle();
                assertThat(task.database().coldExtents()).isEmpty();
                assertThat(task.database().getLiveFilesMetaData())
                        .filteredOn(file -> new String(file.columnFamilyName()).equals("v"))
                        .isNotEmpty()
                        .extracting(LiveFileMetaData::level)
                        .containsOnly(6);
                task.database()
                        .localSpace()
                        .evict(task.database().localSpace().evictable(state -> true));
                task.database().localSpace().reclaim();
                assertThat(task.database().localSpace().bytes().main()).isZero();
            }
            checkAll(task);
        }
    }

    @Test
    void aSavepointUnderWaySeesWhatIsEvictedMeanwhile() throws Exception {
        SnapshotResult<KeyedStateHandle> saved;
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            new StepwiseHydrator(task, scratch).link(Integer.MAX_VALUE, null);
            task.database().settle();
            PagedRocksDB db = task.database();
            List<Evictable> victims = db.localSpace().evictable(state -> true);
            RunnableFuture<SnapshotResult<KeyedStateHandle>> savepoint =
                    task.trigger(
                            100,
                            CheckpointOptions.alignedNoTimeout(
                                    SavepointType.savepoint(SavepointFormatType.CANONICAL),
                                    CheckpointStorageLocationReference.getDefault()));
            long before = db.localSpace().bytes().main();

            db.localSpace().evict(victims);
            db.localSpace().reclaim();

            assertThat(db.localSpace().bytes().main()).as("pinned").isEqualTo(before);
            assertThat(db.coldExtents()).hasSameSizeAs(victims);
            checkAll(task);
            savepoint.run();
            saved = savepoint.get();
            db.localSpace().reclaim();
            assertThat(db.localSpace().bytes().main()).isZero();
        }
        try (TestTask task =
                TestTask.restore(start(), List.of(saved.getJobManagerOwnedSnapshot()))) {
            checkAll(task);
        }
    }

    @Test
    void anExtentThatWasWrittenToLeavesWithTheNextCheckpoint() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            PagedRocksDB db = task.database();
            new StepwiseHydrator(task, scratch).link(Integer.MAX_VALUE, null);
            for (long key = 0; key < KEYS; key += 4) {
                write(task, key);
            }
            db.localSpace().evict(db.localSpace().evictable(state -> true));
            db.localSpace().reclaim();
            assertThat(db.localSpace().bytes().main()).isPositive();
            assertThat(db.localSpace().bytes().going()).isPositive();
            long reads = task.reads().requests();
            checkAll(task);
            assertThat(task.reads().requests()).as("still here").isEqualTo(reads);
            write(task, 5); // goes to the overlay

            task.checkpoint(++checkpoint, jobManager);
            db.localSpace().reclaim();

            assertThat(db.localSpace().bytes().going()).isZero();
            assertThat(db.localSpace().bytes().main()).isZero();
            checkAll(task);
            assertThat(task.reads().requests()).isGreaterThan(reads);
        }
    }

    @Test
    void extentsThatLeaveAndAreWrittenAnewDoNotComeBack() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            PagedRocksDB db = task.database();
            new StepwiseHydrator(task, scratch).link(Integer.MAX_VALUE, null);
            for (long key = 0; key < KEYS; key += 2) {
                write(task, key); // so many that the extents fold, and might be joined
            }
            db.localSpace().evict(db.localSpace().evictable(state -> true));
            task.checkpoint(++checkpoint, jobManager);
            db.localSpace().reclaim();

            assertThat(task.written().checkpointBaseBytes().sum()).isPositive();
            assertThat(db.localSpace().bytes().going()).isZero();
            assertThat(db.localSpace().bytes().main()).isZero();
            checkAll(task);
        }
    }

    @Test
    void anExtentThatIsEmptyWhenItLeavesIsResidentAgain() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            PagedRocksDB db = task.database();
            new StepwiseHydrator(task, scratch).link(Integer.MAX_VALUE, null);
            task.database().settle();
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                task.state(STATE).clear();
            }
            model.clear();
            db.localSpace().evict(db.localSpace().evictable(state -> true));
            for (int i = 0; i < 3; i++) {
                task.checkpoint(++checkpoint, jobManager);
            }
            long coldWrites = task.metrics().coldWrites().sum();
            write(task, 1);
            check(task, 1);
            assertThat(db.coldExtents()).isEmpty();
            assertThat(task.metrics().coldWrites().sum()).isEqualTo(coldWrites);
        }
    }

    @Test
    void whatAViewStillReadsIsNotFetchedAgain() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            PagedRocksDB db = task.database();
            new StepwiseHydrator(task, scratch).link(Integer.MAX_VALUE, null);
            db.settle();
            TierKeeper keeper = keeper(task, KEYS * 10 * VALUE_BYTES);
            var savepoint = task.trigger(100, CheckpointOptions.forCheckpointWithDefaultLocation());
            db.localSpace().evict(db.localSpace().evictable(state -> true));
            // Clean only at the next checkpoint, since one is under way.
            savepoint.run();
            task.backend().notifyCheckpointAborted(100);
            var open = task.trigger(101, CheckpointOptions.forCheckpointWithDefaultLocation());
            task.checkpoint(102, jobManager);
            db.coldExtents().forEach(cold -> heat.touch(cold.extent(), 2 * PROMOTE_AFTER_READS));
            long linked = task.metrics().extentsLinked().sum();

            keeper.promote();

            assertThat(task.metrics().extentsLinked().sum()).isEqualTo(linked);
            open.run();
            db.localSpace().reclaim();
            keeper.promote();
            assertThat(task.metrics().extentsLinked().sum()).isGreaterThan(linked);
            checkAll(task);
        }
    }

    @Test
    void writesAreHeldBackUntilACheckpointLetsSomethingGo() throws Exception {
        try (TestTask task = TestTask.start(start())) {
            TierKeeper keeper = keeper(task, BUDGET);
            for (long key = 0; key < KEYS / 4; key++) {
                write(task, key);
            }
            Condition.await(
                    "it is flushed",
                    () -> task.database().localSpace().bytes().total() > BUDGET * 3 / 2);
            settle(task, keeper);
            write(task, 1);
            assertThat(task.metrics().heldBackNanos().sum()).isPositive();
            check(task, 2);

            task.checkpoint(++checkpoint, jobManager);
            settle(task, keeper);
            task.checkpoint(++checkpoint, jobManager);
            settle(task, keeper);
            awaitLessThan(BUDGET * 9 / 10, task, keeper);
            keeper.step();

            long heldBack = task.metrics().heldBackNanos().sum();
            write(task, 2);
            assertThat(task.metrics().heldBackNanos().sum()).isEqualTo(heldBack);
            checkAll(task);
        }
    }

    @Test
    void hydrationEndsWhereTheBudgetDoes() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            TierSettings settings = new TierSettings(BUDGET, 0.85, 0.7, PROMOTE_AFTER_READS);
            LocalBudget.Share share = new LocalBudget().open(settings);
            StepwiseHydrator stepwise =
                    new StepwiseHydrator(task, scratch, StepwiseHydrator.loader(), share);

            assertThat(stepwise.hydrator().run()).isEqualTo(Hydrator.End.FULL);

            task.database().settle();
            assertThat(task.database().localSpace().bytes().total())
                    .isGreaterThan(BUDGET * 6 / 10)
                    .isLessThan(BUDGET * 7 / 10);
            checkAll(task);
        }
    }

    /**
     * How far it comes depends on when the disk is measured: an extent that is being fetched counts
     * twice then.
     */
    @Test
    void aBackendsHydrationStaysWithinTheBudget() throws Exception {
        KeyedStateHandle handle = written();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.HYBRID);
        config.set(LazyStateOptions.HYDRATION_ENABLED, true);
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, new MemorySize(BUDGET));
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            check(task, 0);
            TestTask.awaitHydration();
            task.database().settle();
            assertThat(task.database().coldExtents()).isNotEmpty();
            assertThat(task.database().localSpace().bytes().total())
                    .isPositive()
                    .isLessThan(BUDGET * 7 / 10);
            checkAll(task);
        }
    }

    @Test
    void anEagerLoadBeyondTheBudgetLeavesTheRestInTheStore() throws Exception {
        KeyedStateHandle handle = written();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, new MemorySize(BUDGET));
        try (TestTask task = TestTask.restore(start(), List.of(handle))) {
            assertThat(task.database().coldExtents()).isNotEmpty();
            assertThat(task.database().localSpace().bytes().total()).isLessThan(BUDGET);
            checkAll(task);
        }
    }

    @Test
    void whatIsReadMuchComesBackAndTakesThePlaceOfWhatIsReadLess() throws Exception {
        try (TestTask task = TestTask.restore(start(), List.of(written()))) {
            PagedRocksDB db = task.database();
            TierKeeper keeper = keeper(task, BUDGET);
            List<ColdExtent> cold = db.coldExtents();
            cold.forEach(extent -> heat.touch(extent.extent(), 2 * PROMOTE_AFTER_READS));
            settle(task, keeper);
            assertThat(db.coldExtents()).isNotEmpty().hasSizeLessThan(cold.size());
            assertThat(task.metrics().evictions().sum()).as("none is read less").isZero();

            ColdExtent hottest = db.coldExtents().get(0);
            heat.touch(hottest.extent(), 20 * PROMOTE_AFTER_READS);
            settle(task, keeper);
            assertThat(db.coldExtents()).doesNotContain(hottest);
            awaitLessThan(BUDGET / 2, task, keeper);
            assertThat(task.metrics().evictions().sum()).isPositive().isLessThan(4);
            checkAll(task);
        }
    }

    @Test
    void timersStay() throws Exception {
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, new MemorySize(1));
        try (TestTask task = TestTask.start(start())) {
            var timers = task.timers("timers");
            for (long key = 0; key < 1000; key++) {
                timers.add(TestTask.timer(key, key));
            }
            task.checkpoint(++checkpoint, jobManager);
            long reads = task.reads().requests();
            for (long key = 0; key < 1000; key++) {
                assertThat(timers.poll()).isEqualTo(TestTask.timer(key, key));
            }
            assertThat(task.reads().requests()).isEqualTo(reads);
        }
    }

    // ------------------------------------------------------------------ what the tests stand on

    private TestTask.Start start() {
        return new TestTask.Start(checkpoints, config);
    }

    /** A checkpoint of all keys, of a task that has ended. */
    private KeyedStateHandle written() throws Exception {
        try (TestTask task = TestTask.start(start())) {
            for (long key = 0; key < KEYS; key++) {
                write(task, key);
            }
            return task.checkpoint(++checkpoint, jobManager);
        }
    }

    private TierKeeper keeper(TestTask task, long budget) {
        TierSettings settings = new TierSettings(budget, 0.7, 0.5, PROMOTE_AFTER_READS);
        PageLoader loader = StepwiseHydrator.loader();
        heat = loader.heat();
        LocalBudget.Share share = new LocalBudget().open(settings);
        Hydrator hydrator = new StepwiseHydrator(task, scratch, loader, share).hydrator();
        return new TierKeeper(
                "test",
                task.database(),
                share,
                settings,
                loader,
                hydrator,
                () -> task.database().localSpace().bytes().total(),
                state -> true);
    }

    /** Lets the keeper and the task do what they have to, turn by turn. */
    private void settle(TestTask task, TierKeeper keeper) throws Exception {
        for (int i = 0; i < 30; i++) {
            keeper.step();
            keeper.promote();
            task.database().localSpace().reclaim();
            check(task, random.nextInt(KEYS));
        }
    }

    /** What is compacted in the background takes its time to be gone. */
    private static void awaitLessThan(long bytes, TestTask task, TierKeeper keeper) {
        Condition.await(
                "it takes up less than " + bytes,
                () -> {
                    if (task.database().localSpace().bytes().total() < bytes) {
                        return true;
                    }
                    keeper.step();
                    task.database().settle();
                    task.database().localSpace().reclaim();
                    return false;
                });
    }

    private void write(TestTask task, long key) throws Exception {
        byte[] value = new byte[VALUE_BYTES];
        random.nextBytes(value);
        task.key(key);
        task.state(STATE).update(value);
        model.put(key, value);
    }

    private void check(TestTask task, long key) throws Exception {
        task.key(key);
        ValueState<byte[]> state = task.state(STATE);
        assertThat(state.value()).isEqualTo(model.get(key));
    }

    private void checkAll(TestTask task) throws Exception {
        for (long key = 0; key < KEYS; key++) {
            check(task, key);
        }
    }
}
