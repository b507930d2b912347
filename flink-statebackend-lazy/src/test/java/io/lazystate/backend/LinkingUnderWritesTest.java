package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.paging.PagedRocksDB;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.state.rocksdb.RocksDBOptionsFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.AbstractEventListener;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.ExternalFileIngestionInfo;
import org.rocksdb.LiveFileMetaData;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.Statistics;
import org.rocksdb.TickerType;
import org.rocksdb.WriteStallInfo;

/** Hydration while the task writes at full speed: where files land, and whether writers stall. */
class LinkingUnderWritesTest {
    private static final int KEYS = 50_000;
    private static final int VALUE_BYTES = 1_000;
    private static final MemorySize WRITE_BUFFER = MemorySize.ofMebiBytes(8);

    /** The last of RocksDB's seven. */
    private static final int BOTTOM_LEVEL = 6;

    private static final ValueStateDescriptor<byte[]> STATE =
            new ValueStateDescriptor<>("v", BytePrimitiveArraySerializer.INSTANCE);

    /** As many rows fill half a write buffer. */
    private static final int WRITES_A_DOWNLOAD = 4_000;

    private static final int MOST_WRITES = 5_000_000;
    private static final int WRITES_A_CHECK = 500;
    private static final int MOST_MEM_TABLES = 8;
    private static final int MOST_LEVEL_0_FILES = 14;
    private static final long POLL_NANOS = 1_000_000;

    /**
     * The other key groups are resident from the start: their rows and those of the extents that
     * are linked already enclose what is still to be linked.
     */
    private static final KeyGroupRange RESTORED =
            KeyGroupRange.of(0, TestTask.MAX_PARALLELISM - 17);

    @TempDir Path checkpoints;

    private StoreGate gate;

    @BeforeEach
    void forget() {
        Observer.LEVELS.clear();
        Observer.STALLS.clear();
    }

    @Test
    void everyFileLandsInTheBottomLevelAndNoWriteStalls() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.EXTENT_SIZE, MemorySize.ofMebiBytes(1));
        config.set(RocksDBOptions.USE_MANAGED_MEMORY, false);
        config.set(RocksDBConfigurableOptions.WRITE_BUFFER_SIZE, WRITE_BUFFER);
        // A disk that flushes more slowly than we write stops writers, linking or not.
        config.set(RocksDBConfigurableOptions.MAX_WRITE_BUFFER_NUMBER, 16);
        TestTask.Start start =
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        store -> {
                            gate = new StoreGate(store).holdDownloads();
                            return gate;
                        });
        KeyedStateHandle handle;
        Random random = new Random(1);
        try (TestTask task =
                TestTask.start(new TestTask.Start(checkpoints, config, RESTORED, store -> store))) {
            ValueState<byte[]> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                if (RESTORED.contains(TestTask.keyGroupOf(key))) {
                    write(task, state, key, random);
                }
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
        int extents = new WrittenCheckpoint(handle).extents("v").size();
        assertThat(extents).isGreaterThan(36);
        config.set(RocksDBOptions.OPTIONS_FACTORY, Observer.class.getName());
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            ValueState<byte[]> state = task.state(STATE);
            for (int writes = 1;
                    task.metrics().extentsLinked().sum() < extents && writes < MOST_WRITES;
                    writes++) {
                write(task, state, random.nextInt(2 * KEYS), random);
                if (writes % WRITES_A_DOWNLOAD == 0) {
                    gate.letDownloadsPass(1);
                }
                if (writes % WRITES_A_CHECK == 0) {
                    awaitBacklog(task.database());
                }
            }
            assertThat(Observer.statistics.getTickerCount(TickerType.FLUSH_WRITE_BYTES))
                    .as("more than RocksDB leaves uncompacted")
                    .isGreaterThan(8 * WRITE_BUFFER.getBytes());
            for (int more = 0; more < KEYS; more++) { // while compaction catches up
                write(task, state, random.nextInt(2 * KEYS), random);
                if (more % WRITES_A_CHECK == 0) {
                    awaitBacklog(task.database());
                }
            }
            assertThat(Observer.LEVELS).hasSize(extents).containsOnly(BOTTOM_LEVEL);
            assertThat(Observer.STALLS).isEmpty();
            assertThat(Observer.statistics.getTickerCount(TickerType.STALL_MICROS)).isZero();
        }
    }

    /**
     * Full speed is what flushes and compactions keep up with on this machine: beyond it writers
     * stall, linking or not. Files that pile up because no compaction runs hold nobody back here:
     * those are the linker's, and so is the stall that they lead to.
     */
    private static void awaitBacklog(PagedRocksDB db) throws RocksDBException {
        while (db.getAggregatedLongProperty("rocksdb.num-immutable-mem-table") > MOST_MEM_TABLES
                || (db.getLongProperty("rocksdb.num-running-compactions") > 0
                        && level0Files(db) > MOST_LEVEL_0_FILES)) {
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private static long level0Files(PagedRocksDB db) {
        return db.getLiveFilesMetaData().stream().filter(file -> file.level() == 0).count();
    }

    private static void write(TestTask task, ValueState<byte[]> state, long key, Random random)
            throws Exception {
        byte[] value = new byte[VALUE_BYTES];
        random.nextBytes(value);
        task.key(key);
        state.update(value);
    }

    /** Notes what the databases that are opened with it do. */
    public static final class Observer implements RocksDBOptionsFactory {
        private static final long serialVersionUID = 1L;

        /** Of each linked file, when it had just been linked. */
        static final List<Integer> LEVELS = new CopyOnWriteArrayList<>();

        static final List<String> STALLS = new CopyOnWriteArrayList<>();
        static Statistics statistics;

        @Override
        public DBOptions createDBOptions(
                DBOptions currentOptions, Collection<AutoCloseable> handlesToClose) {
            statistics = new Statistics();
            Listener listener = new Listener();
            handlesToClose.add(statistics);
            handlesToClose.add(listener);
            return currentOptions.setStatistics(statistics).setListeners(List.of(listener));
        }

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions currentOptions, Collection<AutoCloseable> handlesToClose) {
            return currentOptions;
        }
    }

    private static final class Listener extends AbstractEventListener {
        @Override
        public void onExternalFileIngested(RocksDB db, ExternalFileIngestionInfo file) {
            String name = Path.of(file.getInternalFilePath()).getFileName().toString();
            Observer.LEVELS.add(
                    db.getLiveFilesMetaData().stream()
                            .filter(live -> live.fileName().endsWith(name))
                            .mapToInt(LiveFileMetaData::level)
                            .findFirst()
                            .orElse(-1));
        }

        @Override
        public void onStallConditionsChanged(WriteStallInfo stall) {
            Observer.STALLS.add(
                    stall.getColumnFamilyName()
                            + ": "
                            + stall.getPreviousCondition()
                            + " -> "
                            + stall.getCurrentCondition());
        }
    }
}
