package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.MutableColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteOptions;

/** While a hydrator is in the middle of a link, the task thread goes on from a checkpoint. */
class LinkDuringCheckpointsTest {
    static {
        RocksDB.loadLibrary();
    }

    @TempDir Path directory;

    private final ExecutorService hydrator = Executors.newSingleThreadExecutor();
    private final WriteOptions options = new WriteOptions().setDisableWAL(true);
    private StoppedRocksDB raw;
    private PagedRocksDB db;
    private ColumnFamilyHandle family;
    private ColdExtent cold;

    @BeforeEach
    void restore() throws Exception {
        raw = new StoppedRocksDB(RocksDB.open(directory.resolve("db").toString()));
        LoadingMetrics metrics = new LoadingMetrics();
        db =
                new PagedRocksDB(
                        raw,
                        new PagingContext(
                                new PageLoader(
                                        OneCopy.of(new StateHandleReader()),
                                        (cause, bytes, request) -> request.run(),
                                        1 << 20,
                                        metrics),
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions()));
        family = db.createColumnFamily(new ColumnFamilyDescriptor(bytes("v")));
        Run low = new HeapRuns(directory).write("low", "old", "a", "b");
        db.restore(family, layout(low));
        cold = db.coldExtents().get(0);
    }

    @AfterEach
    void close() {
        hydrator.shutdownNow();
        family.close();
        db.close();
        options.close();
    }

    /** Rows up to "m" in a run, or in none; behind it all is local. */
    private static StateLayout layout(Run low) {
        return StateLayout.of(
                List.of(
                        new Extent(new byte[0], bytes("m"), low, List.of()),
                        new Extent(bytes("m"), null, null, List.of())));
    }

    private Linkable fetched(String name) throws Exception {
        Path file = directory.resolve(name);
        try (RunWriter writer = new RunWriter(file, RunFormat.ofPages(64))) {
            writer.put(bytes("a"), bytes("old a"));
            writer.put(bytes("b"), bytes("old b"));
            writer.finish(); // the file is the test's
        }
        return new Linkable(cold, file, null);
    }

    private void adopt(SnapshotView view, StateLayout layout) {
        Map<StateView, StateLayout> layouts = new HashMap<>();
        view.states().forEach(state -> layouts.put(state, layout));
        db.checkpoints().adopt(view, layouts);
        view.close();
    }

    @Test
    void whatACheckpointFoldedToNothingStaysRemoved() throws Exception {
        db.delete(family, options, bytes("a"));
        db.delete(family, options, bytes("b"));
        SnapshotView view = db.checkpoints().capture();
        Linkable fetched = fetched("fetched");
        Future<?> linking;
        try (Turns turns = new Turns()) {
            raw.atIngest = turns::standStill;
            linking = hydrator.submit(() -> Links.link(db, List.of(fetched)));
            turns.awaitStandstill();
            adopt(view, layout(null));
            assertThat(db.get(family, bytes("a"))).isNull();
        }
        linking.get();

        assertThat(db.get(family, bytes("a"))).isNull();
        assertThat(db.get(family, bytes("b"))).isNull();
        assertThat(db.coldExtents()).isEmpty();
        try (var rows = db.newIterator(family)) {
            rows.seekToFirst();
            assertThat(rows.isValid()).isFalse();
        }
    }

    @Test
    void whatWasWrittenMeanwhileCounts() throws Exception {
        Linkable fetched = fetched("fetched");
        Future<?> linking;
        try (Turns turns = new Turns()) {
            raw.atIngest = turns::standStill;
            linking = hydrator.submit(() -> Links.link(db, List.of(fetched)));
            turns.awaitStandstill();
            db.put(family, options, bytes("a"), bytes("new"));
            SnapshotView view = db.checkpoints().capture();
            db.delete(family, options, bytes("b"));
            adopt(view, layout(new HeapRuns(directory).write("next", "saved", "a", "b")));
            db.localSpace().evict(db.localSpace().evictable(state -> true));
            assertThat(db.localSpace().shrinkOverlay(Double.MAX_VALUE)).isZero();
        }
        linking.get();

        assertThat(db.get(family, bytes("a"))).isEqualTo(bytes("new"));
        assertThat(db.get(family, bytes("b"))).isNull();
        assertThat(db.coldExtents()).isEmpty();
    }

    @Test
    void aStateIsDroppedBehindTheLink() throws Exception {
        Linkable fetched = fetched("fetched");
        Linkable late = fetched("late");
        Future<?> linking;
        try (Turns turns = new Turns()) {
            raw.atIngest = turns::standStill;
            linking =
                    hydrator.submit(
                            () -> {
                                Links.link(db, List.of(fetched));
                                raw.atIngest = () -> {};
                            });
            turns.awaitStandstill();
        }
        db.dropColumnFamily(family);
        linking.get();
        raw.atIngest =
                () -> {
                    throw new AssertionError("it is linked into a state that was dropped");
                };

        hydrator.submit(() -> Links.link(db, List.of(late))).get();

        assertThat(db.coldExtents()).isEmpty();
        assertThat(late.base()).doesNotExist();
    }

    @Test
    void compactionThatRefusedToBeSwitchedOnIsSoWithTheNextCheckpoint() throws Exception {
        db.put(family, options, bytes("z"), bytes("row")); // idle states are not switched off
        raw.refuseOptions = true;
        assertThatThrownBy(() -> Links.link(db, List.of(fetched("refused"))))
                .isInstanceOf(LazyStateException.class);
        raw.refuseOptions = false;
        Links.link(db, List.of(fetched("fetched")));
        assertThat(raw.getOptions(family).disableAutoCompactions()).isTrue();

        raw.refuseOptions = true;
        db.linker().linkingDone();
        assertThat(raw.getOptions(family).disableAutoCompactions()).isTrue();
        raw.refuseOptions = false;
        db.checkpoints().capture().close();

        assertThat(raw.getOptions(family).disableAutoCompactions()).isFalse();
    }

    /** Stops where it is told to; shares the native database, and closes it. */
    private static final class StoppedRocksDB extends RocksDB {
        private final RocksDB opened;
        private volatile Runnable atIngest = () -> {};
        private volatile boolean refuseOptions;

        StoppedRocksDB(RocksDB opened) {
            super(opened.getNativeHandle());
            this.opened = opened;
        }

        @Override
        public void ingestExternalFile(
                ColumnFamilyHandle family, List<String> files, IngestExternalFileOptions with)
                throws RocksDBException {
            atIngest.run();
            opened.ingestExternalFile(family, files, with);
        }

        @Override
        public void setOptions(ColumnFamilyHandle family, MutableColumnFamilyOptions changed)
                throws RocksDBException {
            if (refuseOptions) {
                throw new RocksDBException("the test refuses options");
            }
            opened.setOptions(family, changed);
        }

        @Override
        public void close() {
            disOwnNativeHandle();
            opened.close();
        }
    }
}
