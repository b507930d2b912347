package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.LinkTarget;
import io.lazystate.manifest.Extent;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.annotation.Internal;
import org.apache.flink.util.ResourceGuard;
import org.jspecify.annotations.Nullable;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Links files of whole extents into the main column families.
 *
 * <p>The rows stay invisible until the task thread, at its next access, has moved the overlay's
 * rows over them and marked the extent resident: until then readers pass them over. Threads: a
 * hydrator links, or the task thread before a migration, one at a time; the task thread takes them
 * over.
 */
@Internal
public final class Linker implements LinkTarget {
    private static final Logger LOG = LoggerFactory.getLogger(Linker.class);

    /** An extent whose base and deltas are in its main column family. */
    record Linked(PagedState state, Extent extent) {
        byte[] lower() {
            return extent.lower();
        }

        byte @Nullable [] upper() {
            return extent.upper();
        }
    }

    private final RocksDB db;
    private final StateRegistry states;
    private final PagingContext context;
    private final LinkPause pause;

    /** Nothing is written into files: their bytes may be the edge cache's too. */
    private final IngestExternalFileOptions options =
            new IngestExternalFileOptions().setMoveFiles(true).setWriteGlobalSeqno(false);

    private final Queue<Linked> linked = new ConcurrentLinkedQueue<>();

    private final StaleRows stale;

    /** Guarded by itself. */
    private final Set<Held> pins = new HashSet<>();

    private volatile boolean hasLinked;

    /**
     * @param stale gets the rows of an extent whose base was linked and whose deltas were refused
     */
    Linker(RocksDB db, StateRegistry states, StaleRows stale, PagingContext context) {
        this.db = db;
        this.states = states;
        this.stale = stale;
        this.context = context;
        this.pause = new LinkPause(db, LockSupport::parkNanos);
    }

    @Override
    public List<ColdExtent> coldExtents() {
        List<ColdExtent> cold = new ArrayList<>();
        for (PagedState state : states.all()) {
            ExtentMap map = state.map();
            for (int i = 0; !map.allResident() && i < map.size(); i++) {
                if (!map.isLocal(i)) {
                    cold.add(new ColdExtent(state.name(), map.extent(i)));
                }
            }
        }
        return cold;
    }

    @Override
    public Pin pin(List<ColdExtent> extents) {
        synchronized (pins) {
            List<ColdExtent> current = new ArrayList<>(extents);
            current.removeIf(extent -> !isCurrent(extent));
            Held held = new Held(List.copyOf(extents), List.copyOf(current));
            pins.add(held);
            return held;
        }
    }

    /** Whether the extent is cold, and still what the newest layout says it is. */
    private boolean isCurrent(ColdExtent cold) {
        PagedState state = states.named(cold.state());
        if (state == null) {
            return false;
        }
        ExtentMap map = state.map();
        int index = map.indexOf(cold.extent().lower());
        return !map.isLocal(index) && map.extent(index).equals(cold.extent());
    }

    private final class Held implements Pin {
        private final List<ColdExtent> extents;
        private final List<ColdExtent> current;

        /**
         * @param current those that were as their layouts said when they were pinned
         */
        Held(List<ColdExtent> extents, List<ColdExtent> current) {
            this.extents = extents;
            this.current = current;
        }

        @Override
        public void close() {
            synchronized (pins) {
                pins.remove(this);
            }
        }
    }

    void addPinned(Set<StoredObject> objects) {
        synchronized (pins) {
            for (Held held : pins) {
                for (ColdExtent cold : held.extents) {
                    Run base = cold.extent().base();
                    if (base != null) {
                        objects.add(base.object());
                    }
                    cold.extent().deltas().forEach(delta -> objects.add(delta.object()));
                }
            }
        }
    }

    /**
     * Does something that nothing must be on its way for, if nothing is: what was fetched before,
     * and is linked after it, would miss rows.
     *
     * @return whether it was done
     */
    boolean ifNothingIsPinned(Work work) throws RocksDBException {
        synchronized (pins) {
            if (!pins.isEmpty() || hasLinked) {
                return false;
            }
            work.run();
            return true;
        }
    }

    /** Whether the rows that the extent's runs do not have are still in the overlay. */
    private boolean isWhole(ColdExtent extent) {
        synchronized (pins) {
            return isCurrent(extent)
                    || pins.stream().anyMatch(held -> held.current.contains(extent));
        }
    }

    @Override
    public synchronized void link(List<Linkable> extents) {
        Map<String, List<Linkable>> byState = new LinkedHashMap<>();
        for (Linkable extent : extents) {
            byState.computeIfAbsent(extent.extent().state(), s -> new ArrayList<>()).add(extent);
        }
        LazyStateException failure = null;
        for (Map.Entry<String, List<Linkable>> state : byState.entrySet()) {
            try {
                link(state.getKey(), state.getValue());
            } catch (LazyStateException e) {
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void link(String name, List<Linkable> extents) {
        PagedState state = states.named(name);
        if (state != null) {
            makeRoom(state, extents);
        }
        List<Path> bases = new ArrayList<>();
        List<Path> changes = new ArrayList<>();
        List<Linked> done = new ArrayList<>();
        for (Linkable linkable : extents) {
            Extent extent = linkable.extent().extent();
            if (state == null || !isToBeLinked(state, extent) || !isWhole(linkable.extent())) {
                // The state was dropped, another thread was faster, or the runs are outdated.
                delete(linkable);
                continue;
            }
            if (linkable.base() != null) {
                bases.add(linkable.base());
            }
            if (linkable.changes() != null) {
                changes.add(linkable.changes());
            }
            done.add(new Linked(state, extent));
        }
        if (state == null || done.isEmpty()) {
            return;
        }
        try {
            whileOpen(
                    () -> {
                        pause.before(state);
                        ingest(state, bases);
                        if (!changes.isEmpty()) {
                            done.forEach(linked -> stale.add(state, linked.extent()));
                            ingest(state, changes);
                            done.forEach(linked -> stale.remove(state, linked.extent()));
                        }
                    });
        } catch (RocksDBException e) {
            extents.forEach(Linker::delete);
            throw Natives.failed(PagedRocksDB.where(state), "linking files", e);
        } catch (IOException e) {
            extents.forEach(Linker::delete);
            LOG.debug("The backend closes while extents are linked", e);
            return;
        }
        linked.addAll(done);
        hasLinked = true;
        context.metrics().extentsLinked().add(done.size());
    }

    /**
     * Whether the extent is cold as a whole, and not linked already: rows that were linked before
     * may have been written over, and must not come back.
     */
    private boolean isToBeLinked(PagedState state, Extent extent) {
        return state.map().isCold(extent.lower(), extent.upper())
                && !stale.overlaps(state, extent) // asked last: what becomes cold is stale before
                && linked.stream()
                        .noneMatch(
                                other ->
                                        other.state() == state
                                                && extent.overlaps(other.lower(), other.upper()));
    }

    /**
     * Removes what the extents' ranges still hold from before.
     *
     * @throws LazyStateException UNAVAILABLE if a snapshot reads it; no file is left then
     */
    private void makeRoom(PagedState state, List<Linkable> extents) {
        try {
            if (isStale(state, extents)) {
                whileOpen(stale::purge);
            }
            if (!isStale(state, extents)) {
                return;
            }
        } catch (RocksDBException e) {
            extents.forEach(Linker::delete);
            throw Natives.failed(PagedRocksDB.where(state), "removing evicted rows", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while extents are linked", e);
            return; // linking meets the same
        }
        extents.forEach(Linker::delete);
        throw new LazyStateException(
                Kind.UNAVAILABLE,
                PagedRocksDB.where(state),
                "A checkpoint or savepoint that is being written still reads rows that were evicted"
                        + " from the range; they can be linked again when it has ended",
                null);
    }

    private boolean isStale(PagedState state, List<Linkable> extents) {
        return extents.stream()
                .anyMatch(linkable -> stale.overlaps(state, linkable.extent().extent()));
    }

    /** Drops a state's column family, when nothing works on it. */
    synchronized void drop(PagedState state) throws RocksDBException {
        stale.drop(state);
        pause.drop(state);
        db.dropColumnFamily(state.handle());
    }

    /** Gives space back that no row needs. */
    synchronized void reclaim(Overlay overlay) {
        try {
            whileOpen(
                    () -> {
                        overlay.reclaim();
                        if (!stale.isEmpty()) {
                            stale.purge();
                        }
                    });
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "removing evicted rows", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while evicted rows are removed", e);
        }
    }

    /** Bytes on the local disk; none when the backend closes. */
    LocalBytes localBytes(Overlay overlay) {
        long[] bytes = {0, 0, stale.bytes()};
        try {
            whileOpen(
                    () -> {
                        for (PagedState state : states.all()) {
                            bytes[0] += fileBytes(state);
                            bytes[2] += state.map().leavingBytes();
                        }
                        bytes[1] = overlay.fileBytes();
                    });
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "measuring its files", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while it is measured", e);
        }
        return new LocalBytes(bytes[0], bytes[1], bytes[2]);
    }

    private long fileBytes(PagedState state) throws RocksDBException {
        return db.getLongProperty(state.handle(), "rocksdb.total-sst-files-size")
                + db.getLongProperty(state.handle(), "rocksdb.total-blob-file-size");
    }

    private void ingest(PagedState state, List<Path> files) throws RocksDBException {
        if (!files.isEmpty()) {
            List<String> names = new ArrayList<>(files.size());
            files.forEach(file -> names.add(file.toString()));
            db.ingestExternalFile(state.handle(), names, options);
        }
    }

    @Override
    public synchronized void linkingDone() {
        try {
            whileOpen(pause::end);
        } catch (RocksDBException e) {
            LOG.warn("Automatic compaction could not be switched on again", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while extents are linked", e);
        }
    }

    interface Work {
        void run() throws RocksDBException;
    }

    /** Does something to the database, which is not closed meanwhile. */
    private void whileOpen(Work work) throws RocksDBException, IOException {
        ResourceGuard.Lease lease = context.guard().acquireResource();
        try {
            work.run();
        } finally {
            lease.close();
        }
    }

    /** Whether something may wait for the task thread. */
    boolean hasLinked() {
        return hasLinked;
    }

    /** The next one that is to become resident; it stays the next until it is removed. */
    @Nullable Linked peek() {
        Linked next = linked.peek();
        if (next == null) {
            hasLinked = false;
            next = linked.peek(); // one that came in between
            if (next != null) {
                hasLinked = true; // never false again here: another may just have come
            }
        }
        return next;
    }

    void remove() {
        linked.remove();
    }

    /** Stored bytes of base runs that are linked, and that the task has not come to yet. */
    long linkedBytes() {
        return linked.stream().mapToLong(done -> done.extent().baseBytes()).sum();
    }

    void close() {
        options.close();
    }

    private static void delete(Linkable linkable) {
        for (Path file : new Path[] {linkable.base(), linkable.changes()}) {
            if (file != null) {
                try {
                    Files.deleteIfExists(file);
                } catch (IOException e) {
                    LOG.debug("A file goes with the backend's directory: {}", file, e);
                }
            }
        }
    }
}
