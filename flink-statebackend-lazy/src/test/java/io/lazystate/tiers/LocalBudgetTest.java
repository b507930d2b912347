package io.lazystate.tiers;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.loading.ColdExtent;
import io.lazystate.manifest.Extent;
import io.lazystate.paging.HeapRuns;
import io.lazystate.run.Run;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;

/** How the databases of a process share its local disk. */
class LocalBudgetTest {
    private static final TierSettings SETTINGS = new TierSettings(1000, 0.9, 0.5, 1);

    @TempDir Path directory;

    private final LocalBudget budget = new LocalBudget();

    @Test
    void oneDatabaseMayUseAllOfIt() {
        assertThat(budget.open(SETTINGS).allowedBytes()).isEqualTo(1000);
    }

    @Test
    void eachMayUseItsPartAndWhatTheOthersDoNot() {
        LocalBudget.Share one = budget.open(SETTINGS);
        LocalBudget.Share other = budget.open(SETTINGS);
        other.used(200);
        assertThat(one.allowedBytes()).isEqualTo(800);
        other.used(900);
        assertThat(one.allowedBytes()).isEqualTo(500);
        assertThat(other.allowedBytes()).isEqualTo(1000);
        one.used(400);
        assertThat(other.allowedBytes()).isEqualTo(600);
    }

    @Test
    void whoClosesLeavesItsPartToTheOthers() {
        LocalBudget.Share one = budget.open(SETTINGS);
        LocalBudget.Share other = budget.open(SETTINGS);
        other.used(900);
        other.close();
        assertThat(one.allowedBytes()).isEqualTo(1000);
    }

    @Test
    void theSmallestLimitCounts() {
        LocalBudget.Share one = budget.open(SETTINGS);
        budget.open(new TierSettings(300, 0.9, 0.5, 1)).close();
        assertThat(one.allowedBytes()).isEqualTo(1000);
        budget.open(new TierSettings(300, 0.9, 0.5, 1));
        assertThat(one.allowedBytes()).isEqualTo(300);
    }

    @Test
    void whatIsOnItsWayTakesRoomUntilItIsMeasured() throws Exception {
        RocksDB.loadLibrary();
        Run run = new HeapRuns(directory).write("run", "v", "a", "b");
        ColdExtent extent = new ColdExtent("s", new Extent(new byte[0], null, run, List.of()));
        long bytes = extent.bytes();
        LocalBudget.Share share = budget.open(new TierSettings(4 * bytes, 0.9, 0.5, 1));
        LocalBudget.Share other = budget.open(new TierSettings(4 * bytes, 0.9, 0.5, 1));

        assertThat(share.fits(extent)).isTrue();
        assertThat(share.fits(extent)).isTrue();
        assertThat(share.fits(extent)).as("half is all that may be hydrated").isFalse();
        assertThat(other.allowedBytes()).isEqualTo(2 * bytes);
        share.arrived(extent);
        share.arrived(extent);
        assertThat(share.usedBytes()).isEqualTo(2 * bytes);
        assertThat(share.fits(extent)).isFalse();
        share.used(0);
        assertThat(share.fits(extent)).isTrue();
    }
}
