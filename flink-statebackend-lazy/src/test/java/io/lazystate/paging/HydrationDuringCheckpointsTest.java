package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.loading.ByteRate;
import io.lazystate.loading.HydrationPace;
import io.lazystate.loading.HydrationSettings;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.LoadExecutor;
import io.lazystate.loading.PageLoader;
import io.lazystate.loading.Pressure;
import io.lazystate.loading.Room;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.store.Backoff;
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
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

/** A checkpoint is built upon while hydration fetches what the one before had. */
class HydrationDuringCheckpointsTest {
    static {
        RocksDB.loadLibrary();
    }

    @TempDir Path directory;

    private final WriteOptions options = new WriteOptions().setDisableWAL(true);
    private PagedRocksDB db;
    private PageLoader loader;
    private ColumnFamilyHandle family;
    private Run base;

    @BeforeEach
    void restore() throws Exception {
        LoadingMetrics metrics = new LoadingMetrics();
        loader =
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
        db.localSpace().trackWrites();
        db.localSpace().setGenerationBytes(1);
        family = db.createColumnFamily(new ColumnFamilyDescriptor(bytes("v")));
        base = new HeapRuns(directory).write("base", "old", "a", "b");
        db.restore(family, layout(base));
    }

    @AfterEach
    void close() {
        family.close();
        db.close();
        options.close();
    }

    private static StateLayout layout(Run run) {
        return StateLayout.of(List.of(new Extent(new byte[0], null, run, List.of())));
    }

    @Test
    void whatWasFetchedBeforeIsLinked() throws Exception {
        db.put(family, options, bytes("a"), bytes("new a"));
        SnapshotView view = db.checkpoints().capture();
        Run delta = new HeapRuns(directory).write("delta", "new", "a");
        StateLayout next =
                StateLayout.of(List.of(new Extent(new byte[0], null, base, List.of(delta))));
        Map<StateView, StateLayout> layouts = new HashMap<>();
        view.states().forEach(state -> layouts.put(state, next));
        AtomicBoolean adopted = new AtomicBoolean();
        LoadExecutor atFirstFetch =
                (cause, bytes, request) -> {
                    if (adopted.compareAndSet(false, true)) {
                        view.close();
                        db.checkpoints().adopt(view, layouts);
                        assertThat(db.localSpace().shrinkOverlay(Double.MAX_VALUE)).isZero();
                    }
                    request.run();
                };

        Hydrator.End end = hydrator(atFirstFetch).run();

        assertThat(end).isEqualTo(Hydrator.End.COMPLETE);
        assertThat(adopted).isTrue();
        assertThat(db.get(family, bytes("a"))).isEqualTo(bytes("new a"));
        assertThat(db.get(family, bytes("b"))).isEqualTo(bytes("old b"));
        assertThat(db.coldExtents()).isEmpty();
    }

    private Hydrator hydrator(LoadExecutor executor) {
        return new Hydrator(
                "op",
                db.linker(),
                loader,
                executor,
                new HydrationSettings(RunFormat.ofPages(64), directory, 1, List.of(), 1 << 10, 0),
                new HydrationPace(
                        System::nanoTime,
                        Thread::sleep,
                        new Backoff(0, 0, () -> 0),
                        new ByteRate(System::nanoTime),
                        Pressure.NONE),
                Room.ENDLESS);
    }
}
