package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;

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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteOptions;

/** Two threads may fetch the same extent; its rows are linked once, and never over newer ones. */
class LinkOnceTest {
    @TempDir Path directory;

    private final LoadingMetrics metrics = new LoadingMetrics();
    private WriteOptions options;
    private PagedRocksDB db;
    private ColumnFamilyHandle family;
    private int files;

    @BeforeEach
    void restoreTwoExtents() throws Exception {
        RocksDB.loadLibrary();
        options = new WriteOptions().setDisableWAL(true);
        PageLoader loader =
                new PageLoader(
                        OneCopy.of(new StateHandleReader()),
                        (cause, bytes, request) -> request.run(),
                        1 << 20,
                        metrics);
        db =
                new PagedRocksDB(
                        RocksDB.open(directory.resolve("db").toString()),
                        new PagingContext(
                                loader,
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions()));
        family = db.createColumnFamily(new ColumnFamilyDescriptor(bytes("v")));
        HeapRuns runs = new HeapRuns(directory);
        Run low = runs.write("low", "old", "a", "b");
        Run high = runs.write("high", "old", "m", "n");
        db.restore(
                family,
                StateLayout.of(
                        List.of(
                                new Extent(new byte[0], bytes("m"), low, List.of()),
                                new Extent(bytes("m"), null, high, List.of()))));
    }

    @AfterEach
    void close() {
        family.close();
        db.close();
        options.close();
    }

    @Test
    void notAgainWhenItIsResidentAndWasWrittenTo() throws Exception {
        ColdExtent low = db.coldExtents().get(0);
        Linkable first = fetched(low, "a", "b");
        Linkable second = fetched(low, "a", "b");
        db.linker().link(List.of(first));
        db.put(family, options, bytes("a"), bytes("new"));
        db.delete(family, options, bytes("b"));

        db.linker().link(List.of(second));

        assertThat(db.get(family, bytes("a"))).isEqualTo(bytes("new"));
        assertThat(db.get(family, bytes("b"))).isNull();
        assertThat(second.base()).doesNotExist();
        assertThat(metrics.extentsLinked().sum()).isOne();
    }

    @Test
    void notAgainBeforeTheTaskHasSeenIt() throws Exception {
        ColdExtent low = db.coldExtents().get(0);
        Linkable second = fetched(low, "a", "b");
        db.linker().link(List.of(fetched(low, "a", "b")));

        db.linker().link(List.of(second));

        assertThat(metrics.extentsLinked().sum()).isOne();
        assertThat(second.base()).doesNotExist();
        assertThat(db.get(family, bytes("a"))).isEqualTo(bytes("old a"));
    }

    @Test
    void notAsPartOfALargerOne() throws Exception {
        db.linker().link(List.of(fetched(db.coldExtents().get(1), "m", "n")));
        db.put(family, options, bytes("m"), bytes("new"));
        Extent whole = new Extent(new byte[0], null, null, List.of());

        db.linker().link(List.of(fetched(new ColdExtent("v", whole), "a", "b", "m", "n")));

        assertThat(db.get(family, bytes("m"))).isEqualTo(bytes("new"));
        assertThat(db.get(family, bytes("a"))).isEqualTo(bytes("old a"));
        assertThat(db.coldExtents()).hasSize(1);
    }

    private Linkable fetched(ColdExtent extent, String... keys) throws Exception {
        Path file = directory.resolve("fetched-" + files++ + ".sst");
        try (RunWriter writer = new RunWriter(file, RunFormat.ofPages(64))) {
            for (String key : keys) {
                writer.put(bytes(key), bytes("old " + key));
            }
            writer.finish();
        }
        assertThat(Files.exists(file)).isTrue();
        return new Linkable(extent, file, null);
    }
}
