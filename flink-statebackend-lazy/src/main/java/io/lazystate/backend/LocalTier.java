package io.lazystate.backend;

import static io.lazystate.metrics.Gauges.gauge;

import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.loading.Room;
import io.lazystate.paging.LocalSpace;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.tiers.DiskUsage;
import io.lazystate.tiers.LocalBudget;
import io.lazystate.tiers.TierKeeper;
import java.io.Closeable;
import java.io.File;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.state.RegisteredPriorityQueueStateBackendMetaInfo;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend.RocksDbKvStateInfo;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDBException;

/**
 * The local disk that one keyed backend may take up. Does nothing if there is no limit.
 *
 * <p>Ownership: closing it leaves its part of the budget to others; its threads are the backend's.
 */
final class LocalTier implements Closeable {
    /** A smaller file would cost more to keep open than it saves. */
    private static final long LEAST_FILE_BYTES = 1 << 20;

    /** Files of the first level, and of a compaction. */
    private static final int FILES_TOGETHER = 2;

    private final LazySettings settings;
    private final LocalBudget.@Nullable Share share;

    LocalTier(LazySettings settings) {
        this.settings = settings;
        this.share =
                settings.tiers().limited() ? LocalBudget.ofProcess().open(settings.tiers()) : null;
    }

    /** What hydration asks before it fetches. */
    Room room() {
        return share == null ? Room.ENDLESS : share;
    }

    /**
     * Makes files and compactions small beside the limit: a compaction writes beside what it reads,
     * at first all that was flushed, and an extent's rows leave unread only if no file has others
     * with them.
     *
     * @param options of a column family; what is smaller already stays
     */
    ColumnFamilyOptions limit(ColumnFamilyOptions options) {
        if (share == null) {
            return options;
        }
        long file = Math.max(LEAST_FILE_BYTES, settings.tiers().partBytes());
        long files = FILES_TOGETHER * file;
        long compaction = options.maxCompactionBytes(); // 0: from the size of files
        return options.setWriteBufferSize(Math.min(options.writeBufferSize(), file))
                .setTargetFileSizeBase(Math.min(options.targetFileSizeBase(), file))
                .setMaxBytesForLevelBase(Math.min(options.maxBytesForLevelBase(), files))
                .setMaxCompactionBytes(compaction == 0 ? files : Math.min(compaction, files));
    }

    /** Makes a database ready to let state go. Before anything is restored or written. */
    void prepare(PagedRocksDB db) throws RocksDBException {
        if (share != null) {
            LocalSpace space = db.localSpace();
            space.trackWrites();
            space.setGenerationBytes(settings.tiers().generationBytes());
        }
    }

    /**
     * Keeps a database within its budget from now on. Timers stay: they are read all the time.
     *
     * @param operator whose state it is, for the log
     * @param directory of all local files of the backend
     */
    void keep(
            String operator,
            LocalDatabase<?> database,
            File directory,
            PageLoader loader,
            Hydrator hydrator,
            LoaderThreads threads,
            MetricGroup metrics) {
        if (share == null) {
            return;
        }
        TierKeeper keeper =
                new TierKeeper(
                        operator,
                        database.paged(),
                        share,
                        settings.tiers(),
                        loader,
                        hydrator,
                        new DiskUsage(directory.toPath()),
                        state -> !isQueue(database.states().get(state)));
        threads.start("lazy-state-tiers", () -> keeper.run(Thread::sleep));
        threads.start("lazy-state-reclaim", () -> keeper.reclaim(Thread::sleep));
        if (settings.hydrationEnabled()) {
            threads.start("lazy-state-promote", () -> keeper.promote(Thread::sleep));
        }
        gauge(metrics, "localBytes", share::usedBytes);
        gauge(metrics, "localMaxBytes", share::allowedBytes);
    }

    private static boolean isQueue(@Nullable RocksDbKvStateInfo state) {
        return state != null
                && state.metaInfo instanceof RegisteredPriorityQueueStateBackendMetaInfo;
    }

    @Override
    public void close() {
        if (share != null) {
            share.close();
        }
    }
}
