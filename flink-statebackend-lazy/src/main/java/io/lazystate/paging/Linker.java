package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.LinkTarget;
import io.lazystate.manifest.Extent;
import io.lazystate.paging.ExtentState.Phase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
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
 * Links files of whole extents into the main column families, and purges what evicted ones left
 * there.
 *
 * <p>Linked rows stay invisible until the task thread, at its next access, has moved the overlay's
 * rows over them and marked the extent resident: until then readers pass them over. Threads: a
 * hydrator links, or the task thread before a migration, one at a time; the task thread takes them
 * over.
 */
@Internal
public final class Linker implements LinkTarget {
    private static final Logger LOG = LoggerFactory.getLogger(Linker.class);

    private final RocksDB db;
    private final StateRegistry states;
    private final PagingContext context;
    private final Pins pins;
    private final StaleRows stale;
    private final Runnable linked;
    private final LinkLock lock = new LinkLock();
    private final LinkPause pause;

    /** Nothing is written into files: their bytes may be the edge cache's too. */
    private final IngestExternalFileOptions options =
            new IngestExternalFileOptions().setMoveFiles(true).setWriteGlobalSeqno(false);

    /**
     * @param linked called when extents wait for the task thread
     */
    Linker(
            RocksDB db,
            StateRegistry states,
            Pins pins,
            StaleRows stale,
            PagingContext context,
            Runnable linked) {
        this.db = db;
        this.states = states;
        this.pins = pins;
        this.stale = stale;
        this.context = context;
        this.linked = linked;
        this.pause = new LinkPause(db, LockSupport::parkNanos);
    }

    /** The cold extents of all states. */
    List<ColdExtent> coldExtents() {
        List<ColdExtent> cold = new ArrayList<>();
        for (PagedState state : states.all()) {
            state.map().toBeLinked().forEach(e -> cold.add(new ColdExtent(state.name(), e)));
        }
        return cold;
    }

    @Override
    public Pin pin(Predicate<ColdExtent> chosen) {
        Pins.Pinned pinned = pins.pin(chosen);
        return new Pin() {
            @Override
            public List<ColdExtent> extents() {
                return pinned.extents();
            }

            @Override
            public void link(List<Linkable> fetched) {
                Linker.this.link(pinned, fetched);
            }

            @Override
            public void close() {
                pinned.close();
            }
        };
    }

    // ------------------------------------------------------------------ in

    private void link(Pins.Pinned pinned, List<Linkable> fetched) {
        Map<String, List<Linkable>> byState = new LinkedHashMap<>();
        for (Linkable one : fetched) {
            byState.computeIfAbsent(one.extent().state(), s -> new ArrayList<>()).add(one);
        }
        LazyStateException failure = null;
        for (Map.Entry<String, List<Linkable>> ofState : byState.entrySet()) {
            try (LinkLock.Held link = lock.take()) {
                PagedState state = states.named(ofState.getKey());
                if (state != null) {
                    link(link, pinned, state, ofState.getValue());
                }
            } catch (LazyStateException e) {
                failure = failure == null ? e : failure;
            } finally {
                ofState.getValue().forEach(Linker::delete); // what was linked has moved
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void link(
            LinkLock.Held link, Pins.Pinned pinned, PagedState state, List<Linkable> fetched) {
        try {
            whileOpen(
                    () -> {
                        makeRoom(link, state, fetched);
                        pause.before(state);
                        ingest(link, state, begin(link, pinned, state, fetched));
                    });
        } catch (RocksDBException e) {
            throw Natives.failed(PagedRocksDB.where(state), "linking files", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while extents are linked", e);
        }
    }

    /** Those that are to be linked: nobody was faster, and their runs are not outdated. */
    private static List<Linkable> begin(
            LinkLock.Held link, Pins.Pinned pinned, PagedState state, List<Linkable> fetched) {
        List<Linkable> begun = new ArrayList<>();
        for (Linkable one : fetched) {
            Extent extent = one.extent().extent();
            if (pinned.isWhole(state, extent) && state.extents().beginLink(link, extent)) {
                begun.add(one);
            }
        }
        return begun;
    }

    private void ingest(LinkLock.Held link, PagedState state, List<Linkable> begun)
            throws RocksDBException {
        if (begun.isEmpty()) {
            return;
        }
        Extents extents = state.extents();
        boolean basesDone = false;
        boolean done = false;
        try {
            ingest(state, begun.stream().map(Linkable::base));
            basesDone = true;
            ingest(state, begun.stream().map(Linkable::changes));
            done = true;
        } finally {
            for (Linkable one : begun) {
                if (done) {
                    extents.endLink(link, one.extent().extent());
                } else {
                    extents.giveUpLink(link, one.extent().extent(), basesDone);
                }
            }
        }
        context.metrics().extentsLinked().add(begun.size());
        linked.run();
    }

    private void ingest(PagedState state, Stream<@Nullable Path> files) throws RocksDBException {
        List<String> names = files.filter(Objects::nonNull).map(Path::toString).toList();
        if (!names.isEmpty()) {
            db.ingestExternalFile(state.handle(), names, options);
        }
    }

    /**
     * Removes what the extents' ranges still hold from before.
     *
     * @throws LazyStateException UNAVAILABLE if a snapshot reads it
     */
    private void makeRoom(LinkLock.Held link, PagedState state, List<Linkable> fetched)
            throws RocksDBException {
        if (isStale(state, fetched)) {
            stale.purge(link, state);
        }
        if (isStale(state, fetched)) {
            throw new LazyStateException(
                    Kind.UNAVAILABLE,
                    PagedRocksDB.where(state),
                    "A checkpoint or savepoint that is being written still reads rows that were"
                            + " evicted from the range; they can be linked again when it has ended",
                    null);
        }
    }

    private static boolean isStale(PagedState state, List<Linkable> fetched) {
        return fetched.stream().anyMatch(one -> isStale(state, one.extent()));
    }

    private static boolean isStale(PagedState state, ColdExtent cold) {
        return !state.map()
                .isEach(
                        cold.extent().lower(),
                        cold.extent().upper(),
                        of -> of.phase() != Phase.STALE);
    }

    /** Whether evicted rows of the extent's range are still to be purged. Threads: any. */
    boolean isStale(ColdExtent cold) {
        PagedState state = states.named(cold.state());
        return state != null && isStale(state, cold);
    }

    @Override
    public void linkingDone() {
        try (LinkLock.Held link = lock.take()) {
            endPause(link);
        }
    }

    /** Tries again what linking left behind when it ended, unless somebody links now. */
    void tidy() {
        if (pause.owes()) {
            try (LinkLock.Held link = lock.tryTake()) {
                if (link != null) {
                    endPause(link);
                }
            }
        }
    }

    private void endPause(LinkLock.Held link) {
        try {
            whileOpen(() -> pause.end(link));
        } catch (RocksDBException e) {
            LOG.warn(
                    "Automatic compaction could not be switched on again; this is tried again with the"
                            + " next checkpoint",
                    e);
        } catch (IOException e) {
            LOG.debug("The backend closes while extents are linked", e);
        }
    }

    // ------------------------------------------------------------------ out

    /** Drops a state with its column family, when nothing works on it. */
    void drop(PagedState state) throws RocksDBException {
        try (LinkLock.Held link = lock.take()) {
            pause.drop(link, state);
            states.remove(state); // nothing is linked into it from now on
            db.dropColumnFamily(state.handle());
        }
    }

    /** Gives space back that no row needs. */
    void reclaim(Overlay overlay) {
        try (LinkLock.Held link = lock.take()) {
            whileOpen(
                    () -> {
                        overlay.generations().reclaim();
                        for (PagedState state : states.all()) {
                            stale.purge(link, state);
                        }
                    });
        } catch (RocksDBException e) {
            throw Natives.failed(Where.NOWHERE, "removing evicted rows", e);
        } catch (IOException e) {
            LOG.debug("The backend closes while evicted rows are removed", e);
        }
    }

    interface Work {
        void run() throws RocksDBException;
    }

    /** Does something to the database, which is not closed meanwhile. */
    void whileOpen(Work work) throws RocksDBException, IOException {
        ResourceGuard.Lease lease = context.guard().acquireResource();
        try {
            work.run();
        } finally {
            lease.close();
        }
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
