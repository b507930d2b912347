package io.lazystate.loading;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.HeapRuns;
import io.lazystate.run.Run;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;

/** How the heat of extents goes over to those that take their place. */
class ExtentHeatTest {
    @TempDir Path directory;

    private final ExtentHeat heat = new ExtentHeat();
    private HeapRuns runs;

    @BeforeEach
    void load() {
        RocksDB.loadLibrary();
        runs = new HeapRuns(directory);
    }

    @Test
    void newExtentsAreAsHotAsTheHottestOfWhatWasThere() throws Exception {
        StateLayout old = layout("", "b", "d", "f", "h");
        touch(old.extents().get(0), 10);
        touch(old.extents().get(1), 300);
        touch(old.extents().get(4), 50);
        StateLayout fresh = layout("", "c", "d", "g");

        heat.carry(old, fresh);

        assertThat(fresh.extents().stream().map(heat::of).map(Math::round))
                .containsExactly(300L, 300L, 0L, 50L);
    }

    @Test
    void extentsThatStayKeepTheirs() throws Exception {
        StateLayout layout = layout("", "b");
        touch(layout.extents().get(0), 10);
        Extent first = layout.extents().get(0);
        Extent second = layout.extents().get(1);
        Run delta = runs.write("delta", "value", "a");
        StateLayout changed =
                StateLayout.of(
                        List.of(
                                new Extent(
                                        first.lower(), first.upper(), first.base(), List.of(delta)),
                                second));

        heat.carry(layout, changed);
        touch(changed.extents().get(0), 10);

        assertThat(heat.of(changed.extents().get(0))).isCloseTo(20, offset(0.1));
        assertThat(heat.of(second)).isZero();
    }

    @Test
    void aCheckpointHasItsHeatBeforeItIsAdopted() throws Exception {
        StateLayout old = layout("", "b");
        touch(old.extents().get(0), 25);
        touch(old.extents().get(1), 100);
        StateLayout fresh = layout("", "b");
        StateLayout other = layout("", "x");
        touch(other.extents().get(1), 50);

        Map<Extent, Integer> codes =
                heat.codes(
                        List.of(
                                new ExtentHeat.Change(old, fresh),
                                new ExtentHeat.Change(other, other)));

        assertThat(codes)
                .containsOnly(
                        Map.entry(fresh.extents().get(0), 255 - 16),
                        Map.entry(fresh.extents().get(1), 255),
                        Map.entry(other.extents().get(1), 255 - 8));
    }

    @Test
    void whatIsReadNowOutweighsWhatWasReadBeforeTheRestore() throws Exception {
        StateLayout layout = layout("", "b", "c");
        heat.restore(layout.extents().get(0), 255);
        heat.restore(layout.extents().get(1), 247);
        heat.restore(layout.extents().get(2), 0);
        assertThat(layout.extents().stream().map(heat::of)).containsExactly(1_000.0, 500.0, 0.0);

        touch(layout.extents().get(1), 600);

        assertThat(heat.of(layout.extents().get(1))).isGreaterThan(1_000);
        assertThat(heat.of(layout.extents().get(0))).isLessThan(1_000);
    }

    private void touch(Extent extent, int reads) {
        for (int i = 0; i < reads; i++) {
            heat.touch(extent, 1);
        }
    }

    /** Extents with these lower bounds, each with a base run of its own. */
    private StateLayout layout(String... lowers) throws Exception {
        List<Extent> extents = new ArrayList<>();
        for (int i = 0; i < lowers.length; i++) {
            byte[] upper = i + 1 < lowers.length ? bytes(lowers[i + 1]) : null;
            Run base = runs.write(lowers[i] + "-" + i, "value", lowers[i] + "1");
            extents.add(new Extent(bytes(lowers[i]), upper, base, List.of()));
        }
        return StateLayout.of(extents);
    }
}
