package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
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
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/** A local database that refuses to take an extent in loses and revives no row. */
class RefusedWritesTest {
    /** More overlay rows than are moved with one write. */
    private static final int ROWS = 2500;

    @TempDir Path directory;

    private final ExecutorService executor = Executors.newSingleThreadExecutor();
    private final List<Throwable> told = new ArrayList<>();
    private WriteOptions options;
    private RefusingRocksDB raw;
    private PagedRocksDB db;
    private ColumnFamilyHandle first;
    private ColumnFamilyHandle second;
    private Run base;

    @BeforeEach
    void restore() throws Exception {
        RocksDB.loadLibrary();
        options = new WriteOptions().setDisableWAL(true);
        LoadingMetrics metrics = new LoadingMetrics();
        raw = new RefusingRocksDB(RocksDB.open(directory.resolve("db").toString()));
        db =
                new PagedRocksDB(
                        raw,
                        new PagingContext(
                                new PageLoader(
                                        OneCopy.of(new StateHandleReader()),
                                        (cause, bytes, request) -> executor.execute(request::run),
                                        0,
                                        metrics),
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions(),
                                told::add));
        first = db.createColumnFamily(new ColumnFamilyDescriptor(bytes("first")));
        second = db.createColumnFamily(new ColumnFamilyDescriptor(bytes("second")));
        List<String> keys = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            keys.add(key(i));
        }
        base = new HeapRuns(directory).write("base", "old", keys.toArray(new String[0]));
        StateLayout layout = StateLayout.of(List.of(new Extent(bytes(""), null, base, List.of())));
        db.restore(first, layout);
        db.restore(second, layout);
    }

    @AfterEach
    void close() {
        first.close();
        second.close();
        db.close();
        options.close();
        executor.shutdownNow();
    }

    /** The copy takes three writes, and so does the removal behind it. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5})
    void rowsThatCouldNotAllBeMovedAreReadAsTheyWereWritten(int writes) throws Exception {
        for (int i = 0; i < ROWS; i++) {
            if (i % 2 == 0) {
                db.put(first, options, bytes(key(i)), bytes("new " + key(i)));
            } else {
                db.delete(first, options, bytes(key(i)));
            }
        }
        Links.link(db, List.of(linkable("first")));
        raw.writesUntilRefusal = writes;
        assertThatThrownBy(() -> db.get(first, bytes(key(0))))
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("'first'");
        raw.writesUntilRefusal = Integer.MAX_VALUE;

        for (int i = 0; i < ROWS; i++) {
            assertThat(query(i)).isEqualTo(i % 2 == 0 ? "new " + key(i) : null);
        }
        assertThat(told).singleElement().isInstanceOf(LazyStateException.class);
        assertThatThrownBy(() -> db.get(first, bytes(key(0))))
                .hasMessageContaining("An earlier access");
        assertThatThrownBy(() -> db.checkpoints().capture().close())
                .hasMessageContaining("An earlier access");
    }

    @Test
    void extentsOfAnotherStateAreLinkedAndNoFileIsLeft() throws Exception {
        raw.refusedFamily = first;
        List<Linkable> both = List.of(linkable("first"), linkable("second"));
        assertThatThrownBy(() -> Links.link(db, both))
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("'first'");
        assertThat(get(first, 7)).isEqualTo("old " + key(7));
        assertThat(get(second, 7)).isEqualTo("old " + key(7));
        assertThat(db.coldExtents()).extracting(ColdExtent::state).containsExactly("first");
        assertThat(both).allSatisfy(linkable -> assertThat(linkable.base()).doesNotExist());
    }

    /** Its base lies unseen below; linked over it, rows that a fold has dropped would come back. */
    @Test
    void theBaseOfAnExtentWhoseDeltasAreRefusedIsPurgedBeforeItIsLinkedAgain() throws Exception {
        Linkable base = linkable("first");
        Linkable half = new Linkable(base.extent(), base.base(), linkable("second").base());
        raw.linksUntilRefusal = 1;
        assertThatThrownBy(() -> Links.link(db, List.of(half)))
                .isInstanceOf(LazyStateException.class);
        raw.linksUntilRefusal = Integer.MAX_VALUE;
        assertThat(db.localSpace().isStale(base.extent())).isTrue();
        assertThat(get(first, 7)).isEqualTo("old " + key(7));
        assertThat(db.coldExtents()).extracting(ColdExtent::state).contains("first");
        Linkable again = linkable("first");

        Links.link(db, List.of(again));

        assertThat(again.base()).doesNotExist();
        assertThat(db.localSpace().isStale(base.extent())).isFalse();
        assertThat(get(first, 7)).isEqualTo("old " + key(7));
        assertThat(db.coldExtents()).extracting(ColdExtent::state).doesNotContain("first");
    }

    private Linkable linkable(String state) throws Exception {
        Path file = directory.resolve("link-" + state);
        int unused =
                new StateHandleReader()
                        .download(base.object(), base.offset(), base.meta().tableBytes(), file);
        assertThat(Files.size(file)).isPositive();
        ColdExtent cold =
                db.coldExtents().stream()
                        .filter(extent -> extent.state().equals(state))
                        .findFirst()
                        .orElseThrow();
        return new Linkable(cold, file, null);
    }

    /** The task's failure is no concern of it. */
    private String query(int i) throws Exception {
        byte[] value = Query.of(() -> db.get(first, bytes(key(i))));
        return value == null ? null : new String(value, UTF_8);
    }

    private String get(ColumnFamilyHandle family, int i) throws RocksDBException {
        byte[] value = db.get(family, bytes(key(i)));
        return value == null ? null : new String(value, UTF_8);
    }

    private static String key(int i) {
        return String.format("%05d", i);
    }

    /** Refuses what it is told to; shares the native database, and closes it. */
    private static final class RefusingRocksDB extends RocksDB {
        private final RocksDB opened;
        private int writesUntilRefusal = Integer.MAX_VALUE;
        private ColumnFamilyHandle refusedFamily;
        private int linksUntilRefusal = Integer.MAX_VALUE;

        RefusingRocksDB(RocksDB opened) {
            super(opened.getNativeHandle());
            this.opened = opened;
        }

        @Override
        public void write(WriteOptions options, WriteBatch batch) throws RocksDBException {
            if (writesUntilRefusal == 0) {
                throw new RocksDBException("the test refuses a write");
            }
            writesUntilRefusal--;
            opened.write(options, batch);
        }

        @Override
        public void ingestExternalFile(
                ColumnFamilyHandle family, List<String> files, IngestExternalFileOptions options)
                throws RocksDBException {
            if (family == refusedFamily || linksUntilRefusal-- == 0) {
                throw new RocksDBException("the test refuses a link");
            }
            opened.ingestExternalFile(family, files, options);
        }

        @Override
        public void close() {
            disOwnNativeHandle();
            opened.close();
        }
    }
}
