package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Run;
import io.lazystate.store.OneCopy;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StateHandleReader;
import io.lazystate.store.StoredObject;
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
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/** A write that has to read first, and cannot, leaves no row, and is the last access. */
class FailedReadsOfWritesTest {
    @TempDir Path directory;

    private final ExecutorService executor = Executors.newSingleThreadExecutor();
    private final List<Throwable> told = new ArrayList<>();
    private WriteOptions options;
    private volatile boolean storeFails;
    private PagedRocksDB db;
    private ColumnFamilyHandle cold;
    private ColumnFamilyHandle resident;

    @BeforeEach
    void restore() throws Exception {
        RocksDB.loadLibrary();
        options = new WriteOptions().setDisableWAL(true);
        StateHandleReader store = new StateHandleReader();
        RangedReader reader =
                new RangedReader() {
                    @Override
                    public byte[] read(StoredObject object, long offset, int length) {
                        if (storeFails) {
                            throw new LazyStateException(
                                    Kind.CORRUPT, object.where(offset, length), "damaged", null);
                        }
                        return store.read(object, offset, length);
                    }

                    @Override
                    public int download(StoredObject object, long offset, long length, Path to) {
                        throw new AssertionError("nothing is hydrated");
                    }
                };
        LoadingMetrics metrics = new LoadingMetrics();
        db =
                new PagedRocksDB(
                        RocksDB.open(directory.resolve("db").toString()),
                        new PagingContext(
                                new PageLoader(
                                        OneCopy.of(reader),
                                        (cause, bytes, request) -> executor.execute(request::run),
                                        0,
                                        metrics),
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions(),
                                told::add));
        resident = family("resident");
        cold = family("cold");
        HeapRuns runs = new HeapRuns(directory);
        Run base1 = runs.write("1", "old", "a", "b");
        Run base2 = runs.write("2", "old", "n", "o");
        db.restore(
                cold,
                StateLayout.of(
                        List.of(
                                new Extent(bytes(""), bytes("m"), base1, List.of()),
                                new Extent(bytes("m"), null, base2, List.of()))));
    }

    @AfterEach
    void close() {
        cold.close();
        resident.close();
        db.close();
        options.close();
        executor.shutdownNow();
    }

    @Test
    void anAppend() throws Exception {
        storeFails = true;
        assertThatThrownBy(() -> db.merge(cold, options, bytes("n"), bytes("more")))
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("'cold'");
        storeFails = false;

        assertThat(query(cold, "n")).isEqualTo("old n");
        assertTheTaskFails();
    }

    @Test
    void aBatchOfWhichOnlyTheLastRecordReads() throws Exception {
        try (WriteBatch batch = batch()) {
            storeFails = true;
            assertThatThrownBy(() -> db.write(options, batch))
                    .isInstanceOf(LazyStateException.class)
                    .hasMessageContaining("'cold'");
            storeFails = false;
        }
        assertThat(query(resident, "x")).isNull();
        assertThat(query(cold, "a")).isEqualTo("old a");
        assertThat(query(cold, "b")).isEqualTo("old b");
        assertThat(query(cold, "n")).isEqualTo("old n");
        assertTheTaskFails();
    }

    @Test
    void theSameBatchWhileTheStoreAnswers() throws Exception {
        try (WriteBatch batch = batch()) {
            db.write(options, batch);
        }
        assertThat(query(resident, "x")).isEqualTo("new");
        assertThat(query(cold, "a")).isEqualTo("new");
        assertThat(query(cold, "b")).isNull();
        assertThat(query(cold, "n")).isEqualTo("old n,more");
        assertThat(changedKeys()).containsExactly("x", "a", "b", "n");
        assertThat(told).isEmpty();
    }

    private WriteBatch batch() throws RocksDBException {
        WriteBatch batch = new WriteBatch();
        batch.put(resident, bytes("x"), bytes("new"));
        batch.put(cold, bytes("a"), bytes("new"));
        batch.delete(cold, bytes("b"));
        batch.merge(cold, bytes("n"), bytes("more"));
        return batch;
    }

    private void assertTheTaskFails() {
        assertThat(told).singleElement().asString().contains("'cold'");
        assertThatThrownBy(this::changedKeys).hasMessageContaining("An earlier access");
    }

    private List<String> changedKeys() {
        List<String> keys = new ArrayList<>();
        try (SnapshotView view = db.checkpoints().capture()) {
            for (StateView state : view.states()) {
                try (ChangedKeys changed = ChangedKeys.merge(state.changes())) {
                    while (changed.advance()) {
                        keys.add(new String(changed.key(), UTF_8));
                    }
                }
            }
        }
        return keys;
    }

    private String query(ColumnFamilyHandle family, String key) throws Exception {
        byte[] value = Query.of(() -> db.get(family, bytes(key)));
        return value == null ? null : new String(value, UTF_8);
    }

    private ColumnFamilyHandle family(String name) throws RocksDBException {
        return db.createColumnFamily(
                new ColumnFamilyDescriptor(
                        bytes(name),
                        new ColumnFamilyOptions().setMergeOperatorName("stringappendtest")));
    }
}
