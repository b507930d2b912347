package io.lazystate.paging;

import io.lazystate.loading.PageId;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Page;
import io.lazystate.run.RowCursor;
import io.lazystate.run.Run;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads rows of cold extents as far as their pages are here, for whoever must not wait.
 *
 * <p>Notes the pages that it missed, and starts to fetch page tables. Threads: one.
 */
final class AtHandReader extends ColdReader {
    /** Pages behind a missed one that will be wanted too. */
    private static final int PAGES_AHEAD = 4;

    private final Set<PageId> missed = new LinkedHashSet<>();

    AtHandReader(PageLoader loader, LoadingMetrics metrics) {
        super(loader, metrics);
    }

    /** Ends a walk over rows of which one is not here; no error. */
    static final class NotHere extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotHere() {
            super("A page is not here yet", null, false, false);
        }
    }

    /** The pages that were missed since this was asked last. */
    Set<PageId> takeMissed() {
        Set<PageId> taken = new LinkedHashSet<>(missed);
        missed.clear();
        return taken;
    }

    /**
     * @throws NotHere if a page table is not here
     */
    @Override
    List<RowCursor> cursors(Extent extent) {
        List<Run> runs = newestFirst(extent);
        boolean here = true;
        for (Run run : runs) {
            if (run.pageTable() == null) {
                loader.indexes().withPageTable(run, table -> {});
                here = false;
            }
        }
        if (!here) {
            throw new NotHere();
        }
        return cursors(extent, runs);
    }

    /**
     * @throws NotHere if one of the pages is not here
     */
    @Override
    void fetchForSeek(Extent extent, byte[] key) {
        boolean here = true;
        for (Run run : newestFirst(extent)) {
            int page = loader.indexes().pageTable(run).pageFor(key);
            here &= page < 0 || pageAtHand(run, page) != null;
        }
        if (!here) {
            throw new NotHere();
        }
    }

    @Override
    Page fetch(Run run, int page, int walked) {
        Page here = pageAtHand(run, page);
        if (here == null) {
            throw new NotHere();
        }
        return here;
    }

    @Override
    void countCrossing() {}

    private @Nullable Page pageAtHand(Run run, int page) {
        Page here = loader.atHand(new PageId(run, page));
        if (here == null) {
            int end = Math.min(run.meta().pageCount(), page + PAGES_AHEAD);
            for (int next = page; next < end; next++) {
                missed.add(new PageId(run, next));
            }
        }
        return here;
    }
}
