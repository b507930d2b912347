package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Lookup;
import io.lazystate.run.Run;
import io.lazystate.store.CountingReader;
import io.lazystate.store.OneCopy;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StateHandleReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;

/** What a point read of a cold extent finds, and how many ranged reads it costs. */
class ColdReaderTest {
    private static final long CACHE_BYTES = 1 << 20;

    @TempDir Path directory;

    private final LoadingMetrics metrics = new LoadingMetrics();
    private final CountingReader store = new CountingReader(new StateHandleReader());
    private HeapRuns runs;

    @BeforeEach
    void load() {
        RocksDB.loadLibrary();
        runs = new HeapRuns(directory);
    }

    @Test
    void theNewestRunThatKnowsTheKeyDecides() throws Exception {
        Extent extent =
                extent(
                        runs.write("base", "old", "a", "b", "c", "d"),
                        runs.write("delta1", "newer", "-b", "c"),
                        runs.write("delta2", "newest", "-c", "d"));
        ColdReader reader = reader(store);

        assertThat(value(reader, extent, "a")).isEqualTo("old a");
        assertThat(value(reader, extent, "b")).isEqualTo("removed");
        assertThat(value(reader, extent, "c")).isEqualTo("removed");
        assertThat(value(reader, extent, "d")).isEqualTo("newest d");
        assertThat(value(reader, extent, "e")).isEqualTo("absent");
    }

    @Test
    void aKeyThatIsKnownToBeAbsentCostsNothing() throws Exception {
        Extent extent = extent(runs.write("base", "old", "a", "c", "e", "g"));
        ColdReader reader = reader(store);
        assertThat(value(reader, extent, "zz")).as("behind the last key").isEqualTo("absent");
        assertThat(store.requests()).isZero();

        assertThat(value(reader, extent, "c")).isEqualTo("old c");
        assertThat(store.requests()).as("its page, and the run's filter").isEqualTo(2);
        for (String absent : List.of("b", "d", "e1", "f")) {
            assertThat(value(reader, extent, absent)).isEqualTo("absent");
        }

        assertThat(store.requests()).isEqualTo(2);
        assertThat(metrics.filteredReads().sum()).isEqualTo(5);
    }

    @Test
    void withoutPageTablesItIsOneMoreReadOfEachRunOnce() throws Exception {
        Extent extent =
                extent(
                        HeapRuns.withoutPageTable(runs.write("base", "old", "a", "b")),
                        HeapRuns.withoutPageTable(runs.write("delta", "new", "a", "b")));
        ColdReader reader = reader(store);

        assertThat(value(reader, extent, "a")).isEqualTo("new a");
        assertThat(store.requests()).as("tables, pages, filters").isEqualTo(2 + 2 + 2);
        assertThat(metrics.faults().sum()).as("waves").isEqualTo(2);

        assertThat(value(reader, extent, "b")).isEqualTo("new b");
        assertThat(store.requests()).as("pages").isEqualTo(6 + 2);
    }

    @Test
    void aDamagedPageTableFailsTheReadByName() throws Exception {
        Run run = HeapRuns.withoutPageTable(runs.write("base", "old", "a", "b"));
        ColdReader reader = reader(damaged(run.pageTableOffset()));

        assertThatThrownBy(() -> reader.find(extent(run), bytes("a")))
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("base")
                .hasMessageContaining("page table failed its checksum")
                .hasMessageContaining("restore from a backup copy");
    }

    @Test
    void aDamagedFilterCostsPagesAndHidesNothing() throws Exception {
        Run run = runs.write("base", "old", "a", "c", "e");
        ColdReader reader = reader(damaged(run.filterOffset()));

        for (String key : List.of("a", "c", "e")) {
            assertThat(value(reader, extent(run), key)).isEqualTo("old " + key);
        }
        assertThat(value(reader, extent(run), "b")).isEqualTo("absent");
        assertThat(run.filter()).isNull();
    }

    /** A store that flips bits of what begins at this offset. */
    private RangedReader damaged(long offset) {
        return new RangedReader() {
            @Override
            public byte[] read(StoredObject object, long from, int length) {
                byte[] read = store.read(object, from, length);
                for (int i = 0; from == offset && i < length; i++) {
                    read[i] ^= 0x55;
                }
                return read;
            }

            @Override
            public int download(StoredObject object, long from, long length, Path target) {
                return store.download(object, from, length, target);
            }
        };
    }

    private ColdReader reader(RangedReader reader) {
        PageLoader loader =
                new PageLoader(
                        OneCopy.of(reader),
                        (cause, bytes, request) -> request.run(),
                        CACHE_BYTES,
                        metrics);
        return new ColdReader(loader, metrics);
    }

    private static Extent extent(Run base, Run... deltas) {
        return new Extent(bytes(""), null, base, List.of(deltas));
    }

    private static String value(ColdReader reader, Extent extent, String key) {
        Lookup row = reader.find(extent, bytes(key));
        if (row == null) {
            return "absent";
        }
        return row.value() == null ? "removed" : new String(row.value(), UTF_8);
    }
}
