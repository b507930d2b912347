package io.lazystate.restore;

import io.lazystate.loading.MergeCursor;
import io.lazystate.loading.PageId;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Page;
import io.lazystate.run.PageTable;
import io.lazystate.run.RowCursor;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The first live timers of one key group, and the pages they need.
 *
 * <p>Which pages hold them is a guess from the average rows of a page, until they are here: timers
 * that fired still lie in the base run, under the removals of the deltas. Threads: one. Bound: it
 * never asks for a page twice, so that a page cache that is too small ends the search.
 */
final class TimerHead {
    /** Flink's queues cache 128 elements a key group, and look one past them. */
    private static final int ROWS = 129;

    private final PageLoader loader;
    private final StateLayout queue;
    private final byte[] lower;
    private final byte @Nullable [] upper;
    private final Set<PageId> asked = new HashSet<>();
    private long wantedRows = ROWS;

    /**
     * @param queue with page tables that are here
     * @param lower first key of the key group
     * @param upper first key behind the key group; null if none can be
     */
    TimerHead(PageLoader loader, StateLayout queue, byte[] lower, byte @Nullable [] upper) {
        this.loader = loader;
        this.queue = queue;
        this.lower = lower;
        this.upper = upper;
    }

    /** The pages to fetch next; none if the head is here, or would not stay in the cache. */
    Set<PageId> nextPages() {
        Set<PageId> pages = new LinkedHashSet<>();
        boolean more = !isHere();
        while (more && pages.isEmpty()) {
            more = addPages(pages);
            pages.removeAll(asked);
            wantedRows *= 2;
        }
        asked.addAll(pages);
        return pages;
    }

    private boolean isHere() {
        int rows = 0;
        try {
            for (int i = queue.indexOf(lower); i < queue.extents().size() && rows < ROWS; i++) {
                Extent extent = queue.extents().get(i);
                if (!extent.overlaps(lower, upper)) {
                    return true;
                }
                MergeCursor live =
                        new MergeCursor(cursors(extent), from(extent), to(extent), false);
                for (live.seekToFirst(); live.valid() && rows < ROWS; live.next()) {
                    rows++;
                }
            }
            return true;
        } catch (NotHere e) {
            return false;
        }
    }

    private List<RowCursor> cursors(Extent extent) {
        List<RowCursor> newestFirst = new ArrayList<>();
        for (Run delta : extent.deltas()) {
            newestFirst.add(0, cursor(delta, true));
        }
        Run base = extent.base();
        if (base != null) {
            newestFirst.add(cursor(base, false));
        }
        return newestFirst;
    }

    private RunCursor cursor(Run run, boolean removals) {
        return new RunCursor(
                loader.indexes().pageTable(run),
                removals,
                (page, walked) -> {
                    Page here = loader.cached(new PageId(run, page));
                    if (here == null) {
                        throw new NotHere();
                    }
                    return here;
                });
    }

    /** Adds the pages with about as many rows as are wanted; returns whether there are more. */
    private boolean addPages(Set<PageId> pages) {
        for (int i = queue.indexOf(lower); i < queue.extents().size(); i++) {
            Extent extent = queue.extents().get(i);
            if (!extent.overlaps(lower, upper)) {
                return false;
            }
            boolean more = false;
            for (Run delta : extent.deltas()) {
                more |= addPages(delta, from(extent), pages);
            }
            Run base = extent.base();
            if (base != null) {
                more |= addPages(base, from(extent), pages);
            }
            if (more) {
                return true;
            }
        }
        return false;
    }

    private boolean addPages(Run run, byte[] from, Set<PageId> pages) {
        PageTable table = loader.indexes().pageTable(run);
        int first = Math.max(0, table.pageFor(from));
        long rowsAPage = Math.max(1, run.meta().rows() / table.pages());
        long end = first + 2 + wantedRows / rowsAPage;
        for (int page = first; page < table.pages(); page++) {
            if (upper != null && Arrays.compareUnsigned(table.page(page).firstKey(), upper) >= 0) {
                return false;
            }
            if (page >= end) {
                return true;
            }
            pages.add(new PageId(run, page));
        }
        return false;
    }

    private byte[] from(Extent extent) {
        return Arrays.compareUnsigned(lower, extent.lower()) < 0 ? extent.lower() : lower;
    }

    private byte @Nullable [] to(Extent extent) {
        byte[] end = extent.upper();
        boolean first = upper == null || (end != null && Arrays.compareUnsigned(end, upper) < 0);
        return first ? end : upper;
    }

    /** Ends a walk over pages of which one is not here; no error. */
    private static final class NotHere extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotHere() {
            super("A page is not here yet", null, false, false);
        }
    }
}
