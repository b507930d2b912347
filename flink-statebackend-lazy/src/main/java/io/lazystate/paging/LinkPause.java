package io.lazystate.paging;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongConsumer;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.LevelMetaData;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.SstFileMetaData;

/**
 * Switches automatic compaction off in the column families that are being linked into.
 *
 * <p>A file that is linked while a compaction covers its range lands in level 0, and enough of
 * those stall the writers; with compaction off it lands in the bottom level. Level 0 is the bound:
 * once the writers have filled it this far, linking waits until compaction has emptied it. A column
 * family that nobody has written to is left alone: nothing of it can be compacted, and each switch
 * costs synchronous writes to the local disk. So is one that the user does not let compact by
 * itself: it stays so. Threads: the hydrator's.
 */
final class LinkPause {
    private static final long POLL_NANOS = 20_000_000L;

    private final RocksDB db;
    private final LongConsumer pause;
    private final Set<PagedState> paused = new HashSet<>();

    /** The paused ones, and those of which it is not known, since RocksDB refused to switch. */
    private final Set<PagedState> touched = new HashSet<>();

    private volatile boolean owes;

    /**
     * @param pause waits about as many nanoseconds, usually {@code LockSupport::parkNanos}
     */
    LinkPause(RocksDB db, LongConsumer pause) {
        this.db = db;
        this.pause = pause;
    }

    /** Makes the column family ready for a link; waits while level 0 is too full. */
    void before(PagedState state) throws RocksDBException {
        ColumnFamilyHandle family = state.handle();
        if (paused.contains(state) && files(family) >= Level0.of(family).full()) {
            Compactions.setAutomatic(db, family, true);
            paused.remove(state);
        }
        if (paused.contains(state) || idle(family)) {
            return;
        }
        Level0 level0 = Level0.of(family);
        if (level0.compacts()) {
            waitUntil(() -> files(family) <= level0.empty());
            touched.add(state);
            Compactions.setAutomatic(db, family, false);
            paused.add(state);
            waitUntil(() -> !compacts(family));
        }
    }

    /** Forgets a state whose column family is dropped. */
    void drop(LinkLock.Held link, PagedState state) {
        link.require();
        paused.remove(state);
        touched.remove(state);
    }

    /**
     * Switches compaction on again everywhere. What refuses is asked again with the next call; the
     * others do not wait for it.
     *
     * @throws RocksDBException the first refusal
     */
    void end(LinkLock.Held link) throws RocksDBException {
        link.require();
        RocksDBException refused = null;
        paused.clear();
        for (PagedState state : List.copyOf(touched)) {
            try {
                Compactions.setAutomatic(db, state.handle(), true);
                touched.remove(state);
            } catch (RocksDBException e) {
                refused = refused == null ? e : refused;
            }
        }
        owes = refused != null;
        if (refused != null) {
            throw refused;
        }
    }

    /** Whether compaction is still off somewhere since it refused. Threads: any. */
    boolean owes() {
        return owes;
    }

    /** Whether the column family holds no rows but linked ones, and none is being compacted. */
    private boolean idle(ColumnFamilyHandle family) throws RocksDBException {
        return files(family) == 0
                && db.getLongProperty(family, "rocksdb.num-entries-active-mem-table") == 0
                && db.getLongProperty(family, "rocksdb.num-entries-imm-mem-tables") == 0
                && db.getLongProperty(family, "rocksdb.compaction-pending") == 0
                && !compacts(family);
    }

    /** Whether this column family is being compacted; what happens to others is no obstacle. */
    private boolean compacts(ColumnFamilyHandle family) {
        for (LevelMetaData level : db.getColumnFamilyMetaData(family).levels()) {
            for (SstFileMetaData file : level.files()) {
                if (file.beingCompacted()) {
                    return true;
                }
            }
        }
        return false;
    }

    private int files(ColumnFamilyHandle family) throws RocksDBException {
        return Integer.parseInt(db.getProperty(family, "rocksdb.num-files-at-level0"));
    }

    /**
     * What a column family's options say of level 0.
     *
     * @param compacts whether RocksDB compacts it when it likes
     * @param empty files at which linking goes on: RocksDB compacts no fewer
     * @param full files at which linking gives way, before RocksDB slows writers down
     */
    private record Level0(boolean compacts, int empty, int full) {
        static Level0 of(ColumnFamilyHandle family) throws RocksDBException {
            try (ColumnFamilyOptions options = family.getDescriptor().getOptions()) {
                int trigger = options.level0FileNumCompactionTrigger();
                int slowdown = options.level0SlowdownWritesTrigger();
                return new Level0(
                        !options.disableAutoCompactions(),
                        trigger,
                        Math.max(trigger, (trigger + slowdown) / 2));
            }
        }
    }

    private interface Check {
        boolean ok() throws RocksDBException;
    }

    /**
     * Waits for at most 10 s, or until the hydrator is interrupted: linking is only better then.
     */
    private void waitUntil(Check check) throws RocksDBException {
        for (int i = 0; i < 500 && !check.ok() && !Thread.currentThread().isInterrupted(); i++) {
            pause.accept(POLL_NANOS);
        }
    }
}
