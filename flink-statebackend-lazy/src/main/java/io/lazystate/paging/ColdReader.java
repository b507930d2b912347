package io.lazystate.paging;

import io.lazystate.loading.PageId;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.KeyFilter;
import io.lazystate.run.Lookup;
import io.lazystate.run.Page;
import io.lazystate.run.PageTable;
import io.lazystate.run.RowCursor;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import io.lazystate.run.RunMeta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads rows of cold extents from their runs.
 *
 * <p>Cost: a point read waits for one wave of ranged reads, a page of each run that may hold the
 * key; one wave more if a page table is not here; none if filters and key ranges rule every run
 * out.
 */
class ColdReader {
    /** Pages that a cursor fetches ahead at the most. */
    private static final int MAX_PAGES_AHEAD = 16;

    final PageLoader loader;
    private final LoadingMetrics metrics;

    ColdReader(PageLoader loader, LoadingMetrics metrics) {
        this.loader = loader;
        this.metrics = metrics;
    }

    /** The newest row of a key in the extent's runs; null if they have none. */
    @Nullable Lookup find(Extent extent, byte[] key) {
        List<Run> runs = candidates(extent, key);
        if (runs.isEmpty()) {
            metrics.filteredReads().increment();
            return null;
        }
        loader.heat().touch(extent, 1);
        loader.indexes().requirePageTables(runs);
        List<PageId> wave = new ArrayList<>(runs.size());
        for (Run run : runs) {
            int page = loader.indexes().pageTable(run).pageFor(key);
            if (page >= 0) {
                wave.add(new PageId(run, page));
            }
        }
        for (Page page : loader.demand(wave)) {
            Lookup row = page.find(key);
            if (row != null) {
                return row;
            }
        }
        return null;
    }

    /** Whether the runs may hold a row of the key, as far as is known here without a read. */
    boolean mayHold(Extent extent, byte[] key) {
        return !candidates(extent, key).isEmpty();
    }

    /** Notes that an iterator leaves a cold extent. */
    void countCrossing() {
        metrics.extentCrossings().increment();
    }

    /** Cursors over the extent's runs, newest first. */
    List<RowCursor> cursors(Extent extent) {
        loader.heat().touch(extent, 1);
        List<Run> runs = newestFirst(extent);
        loader.indexes().requirePageTables(runs);
        return cursors(extent, runs);
    }

    /** Cursors over runs of the extent whose page tables are here. */
    final List<RowCursor> cursors(Extent extent, List<Run> runs) {
        List<RowCursor> cursors = new ArrayList<>(runs.size());
        for (Run run : runs) {
            PageTable table = loader.indexes().pageTable(run);
            cursors.add(
                    new RunCursor(
                            table,
                            run != extent.base(),
                            (page, walked) -> fetch(run, page, walked)));
        }
        return cursors;
    }

    /** Fetches, in one wave, the pages that cursors over the extent need to seek to the key. */
    void fetchForSeek(Extent extent, byte[] key) {
        List<PageId> wave = new ArrayList<>(extent.runs());
        for (Run run : newestFirst(extent)) {
            int page = loader.indexes().pageTable(run).pageFor(key);
            if (page >= 0) {
                wave.add(new PageId(run, page));
            }
        }
        if (wave.size() > 1) {
            loader.demand(wave);
        }
    }

    /** The further a cursor has walked, the more it fetches with one read. */
    Page fetch(Run run, int page, int walked) {
        return loader.demandAhead(new PageId(run, page), Math.min(1 + walked, MAX_PAGES_AHEAD));
    }

    /** The runs that may hold the key, as far as is known here. */
    static List<Run> candidates(Extent extent, byte[] key) {
        List<Run> candidates = new ArrayList<>(extent.runs());
        for (Run run : newestFirst(extent)) {
            RunMeta meta = run.meta();
            KeyFilter filter = run.filter();
            if (Arrays.compareUnsigned(key, meta.firstKey()) >= 0
                    && Arrays.compareUnsigned(key, meta.lastKey()) <= 0
                    && (filter == null || filter.mightContain(key))) {
                candidates.add(run);
            }
        }
        return candidates;
    }

    static List<Run> newestFirst(Extent extent) {
        List<Run> runs = new ArrayList<>(extent.runs());
        List<Run> deltas = extent.deltas();
        for (int i = deltas.size() - 1; i >= 0; i--) {
            runs.add(deltas.get(i));
        }
        if (extent.base() != null) {
            runs.add(extent.base());
        }
        return runs;
    }
}
