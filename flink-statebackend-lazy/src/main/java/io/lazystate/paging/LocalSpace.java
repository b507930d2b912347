package io.lazystate.paging;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.ColdExtent;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.ExtentState.Phase;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.apache.flink.annotation.Internal;
import org.rocksdb.MutableDBOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The space of one database on the local disk: how much it is, and what gives some back.
 *
 * <p>Threads: built by the task thread, which decides what goes; others where it is said.
 */
@Internal
public final class LocalSpace {
    private static final Logger LOG = LoggerFactory.getLogger(LocalSpace.class);

    private static final long LOOK_FOR_FILES_MICROS = TimeUnit.SECONDS.toMicros(5);

    private final RocksDB db;
    private final StateRegistry states;
    private final Overlay overlay;
    private final Linker linker;
    private final Residency residency;
    private final LoadingMetrics metrics;
    private final Thread taskThread = Thread.currentThread();
    private volatile long holdBackNanos;

    LocalSpace(
            RocksDB db,
            StateRegistry states,
            Overlay overlay,
            Linker linker,
            Residency residency,
            LoadingMetrics metrics) {
        this.db = db;
        this.states = states;
        this.overlay = overlay;
        this.linker = linker;
        this.residency = residency;
        this.metrics = metrics;
    }

    /** How many bytes of rows written to cold extents are given back together, at least. */
    public void setGenerationBytes(long bytes) {
        overlay.generations().setGenerationBytes(bytes);
    }

    /**
     * Makes eviction possible. Before the first write.
     *
     * @throws RocksDBException if the local database refuses an option
     */
    public void trackWrites() throws RocksDBException {
        // What a compaction wrote of a column family that was dropped meanwhile is found only when
        // the directory is looked through: by default every six hours.
        db.setDBOptions(
                MutableDBOptions.builder()
                        .setDeleteObsoleteFilesPeriodMicros(LOOK_FOR_FILES_MICROS)
                        .build());
        states.trackWrites();
    }

    /** What the database takes up; nothing when the backend closes. Threads: any. */
    public LocalBytes bytes() {
        long[] bytes = new long[2];
        try {
            linker.whileOpen(
                    () -> {
                        bytes[0] = states.sum(this::fileBytes);
                        bytes[1] = overlay.generations().fileBytes();
                    });
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "measuring its files", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while it is measured", e);
        }
        return new LocalBytes(bytes[0], bytes[1], states.baseBytes(LocalSpace::goes));
    }

    private long fileBytes(PagedState state) throws RocksDBException {
        return db.getLongProperty(state.handle(), "rocksdb.total-sst-files-size")
                + db.getLongProperty(state.handle(), "rocksdb.total-blob-file-size");
    }

    private static boolean goes(ExtentState state) {
        return state.isLeaving() || state.phase() == Phase.STALE;
    }

    /** Another number with each checkpoint that is built upon. Threads: any. */
    public long adopted() {
        return residency.adopted();
    }

    /** The extents of these states that can be evicted. */
    public List<Evictable> evictable(Predicate<String> ofStates) {
        return residency.evictable(ofStates);
    }

    /** Makes extents cold, or lets them become so with the next checkpoint. */
    public void evict(List<Evictable> victims) {
        residency.evict(victims);
    }

    /** Makes the extents of a state that leave resident again. */
    public void recall(String name) {
        PagedState state = states.named(name);
        if (state != null) {
            residency.recall(state);
        }
    }

    /**
     * Gives space back of rows written to cold extents, if the last checkpoint has them.
     *
     * @param wantedBytes about; what was written longest ago goes first
     * @return bytes that were given back
     */
    public long shrinkOverlay(double wantedBytes) {
        return residency.shrinkOverlay(wantedBytes);
    }

    /** Whether evicted rows of the extent's range are still to be purged. Threads: any. */
    public boolean isStale(ColdExtent extent) {
        return linker.isStale(extent);
    }

    /**
     * Gives space of evicted extents, and of rows written to cold ones, back to the disk.
     *
     * <p>Threads: one in the background. Cost: compacts the files that hold other rows too.
     *
     * @throws LazyStateException UNAVAILABLE if the local database fails
     */
    public void reclaim() {
        linker.reclaim(overlay);
    }

    /** How long each write of the task waits, to keep the disk from filling up. Threads: any. */
    public void holdBackWrites(long nanos) {
        holdBackNanos = nanos;
    }

    /** Waits before a write, if writes are to wait. */
    void holdBack() {
        long nanos = holdBackNanos;
        if (nanos > 0 && Thread.currentThread() == taskThread) {
            LockSupport.parkNanos(nanos);
            metrics.heldBackNanos().add(nanos);
        }
    }
}
