package io.lazystate.paging;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.LinkTarget;
import io.lazystate.manifest.Extent;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
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
    record Linked(PagedState state, byte[] lower, byte @Nullable [] upper, long baseBytes) {}

    private final RocksDB db;
    private final StateRegistry states;
    private final PagingContext context;
    private final LinkPause pause;

    /** Nothing is written into files: their bytes may be the edge cache's too. */
    private final IngestExternalFileOptions options =
            new IngestExternalFileOptions().setMoveFiles(true).setWriteGlobalSeqno(false);

    private final Queue<Linked> linked = new ConcurrentLinkedQueue<>();

    /**
     * Extents whose base was linked and whose deltas were refused: nobody sees those rows as long
     * as the extents are cold, so they stay cold.
     */
    private final List<Linked> halfLinked = new ArrayList<>();

    private final Set<Held> pins = ConcurrentHashMap.newKeySet();
    private volatile boolean hasLinked;

    Linker(RocksDB db, StateRegistry states, PagingContext context) {
        this.db = db;
        this.states = states;
        this.context = context;
        this.pause = new LinkPause(db, LockSupport::parkNanos);
    }

    @Override
    public List<ColdExtent> coldExtents() {
        List<ColdExtent> cold = new ArrayList<>();
        for (PagedState state : states.all()) {
            ExtentMap map = state.map();
            for (int i = 0; !map.allResident() && i < map.size(); i++) {
                if (!map.isResident(i)) {
                    cold.add(new ColdExtent(state.name(), map.extent(i)));
                }
            }
        }
        return cold;
    }

    @Override
    public Pin pin(List<ColdExtent> extents) {
        Held held = new Held(List.copyOf(extents));
        pins.add(held);
        return held;
    }

    private final class Held implements Pin {
        private final List<ColdExtent> extents;

        Held(List<ColdExtent> extents) {
            this.extents = extents;
        }

        @Override
        public void close() {
            pins.remove(this);
        }
    }

    void addPinned(Set<StoredObject> objects) {
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
        List<Path> bases = new ArrayList<>();
        List<Path> changes = new ArrayList<>();
        List<Linked> done = new ArrayList<>();
        for (Linkable linkable : extents) {
            Extent extent = linkable.extent().extent();
            if (state == null || !isToBeLinked(state, extent)) {
                delete(linkable); // the state was dropped, or another thread was faster
                continue;
            }
            if (linkable.base() != null) {
                bases.add(linkable.base());
            }
            if (linkable.changes() != null) {
                changes.add(linkable.changes());
            }
            done.add(new Linked(state, extent.lower(), extent.upper(), baseBytes(extent)));
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
                            halfLinked.addAll(done);
                            ingest(state, changes);
                            halfLinked.removeAll(done);
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
                && Stream.concat(linked.stream(), halfLinked.stream())
                        .noneMatch(
                                other ->
                                        other.state() == state
                                                && extent.overlaps(other.lower(), other.upper()));
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

    private interface Work {
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
        return linked.stream().mapToLong(Linked::baseBytes).sum();
    }

    private static long baseBytes(Extent extent) {
        Run base = extent.base();
        return base == null ? 0 : base.meta().tableBytes();
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
