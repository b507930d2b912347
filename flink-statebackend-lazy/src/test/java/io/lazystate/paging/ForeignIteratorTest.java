package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.LinkTarget.Linkable;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Run;
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteOptions;

/** Iterators of threads other than the task's, as queries of a map state open them. */
class ForeignIteratorTest {
    private static final long TOO_LONG_SECONDS = 60;

    @TempDir Path directory;

    private final StateHandleReader store = new StateHandleReader();
    private final ExecutorService executor = Executors.newCachedThreadPool();
    private final LoadingMetrics metrics = new LoadingMetrics();
    private Interposed raw;
    private PagedRocksDB db;
    private ColumnFamilyHandle family;

    @BeforeEach
    void restore() throws Exception {
        RocksDB.loadLibrary();
        raw = new Interposed(RocksDB.open(directory.resolve("db").toString()));
        db =
                new PagedRocksDB(
                        raw,
                        new PagingContext(
                                new PageLoader(
                                        OneCopy.of(store),
                                        (cause, bytes, request) -> executor.execute(request::run),
                                        0,
                                        metrics),
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions()));
        family =
                db.createColumnFamily(
                        new ColumnFamilyDescriptor(bytes("cold"), new ColumnFamilyOptions()));
        Run base = new HeapRuns(directory).write("base", "old", "a", "b", "c");
        db.restore(family, StateLayout.of(List.of(new Extent(bytes(""), null, base, List.of()))));
    }

    @AfterEach
    void close() {
        family.close();
        db.close();
        executor.shutdownNow();
    }

    /** The extent's map and its overlay are of one moment, though another thread moves the rows. */
    @Test
    void anExtentThatBecomesResidentWhileAnIteratorIsOpenedLosesNoWrite() throws Exception {
        try (WriteOptions options = new WriteOptions().setDisableWAL(true)) {
            db.put(family, options, bytes("a"), bytes("new a"));
            db.delete(family, options, bytes("b"));
        }
        link();
        CountDownLatch opening = new CountDownLatch(1);
        CountDownLatch moved = new CountDownLatch(1);
        raw.beforeNextIterator =
                () -> {
                    opening.countDown();
                    await(moved);
                };
        Future<List<String>> values = executor.submit(this::valuesOfAnIterator);
        await(opening);
        db.settle();
        moved.countDown();

        assertThat(values.get(TOO_LONG_SECONDS, TimeUnit.SECONDS))
                .containsExactly("new a", "old c");
        assertThat(db.coldExtents()).isEmpty();
    }

    private List<String> valuesOfAnIterator() {
        List<String> values = new ArrayList<>();
        try (RocksIterator iterator = db.newIterator(family)) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                values.add(new String(iterator.value(), UTF_8));
            }
        }
        return values;
    }

    /** As the hydrator does: from now on the task thread may make the extent resident. */
    private void link() throws Exception {
        ColdExtent extent = db.coldExtents().get(0);
        Run base = extent.extent().base();
        Path file = directory.resolve("linked.sst");
        store.download(base.object(), base.offset(), base.meta().tableBytes(), file);
        executor.submit(() -> db.linker().link(List.of(new Linkable(extent, file, null)))).get();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(TOO_LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** A database under the paged one that stops before it opens an iterator. */
    private static final class Interposed extends RocksDB {
        private volatile Runnable beforeNextIterator;

        Interposed(RocksDB opened) {
            super(opened.getNativeHandle());
        }

        @Override
        public RocksIterator newIterator(ColumnFamilyHandle family, ReadOptions options) {
            Runnable action = beforeNextIterator;
            beforeNextIterator = null;
            if (action != null) {
                action.run();
            }
            return super.newIterator(family, options);
        }
    }
}
