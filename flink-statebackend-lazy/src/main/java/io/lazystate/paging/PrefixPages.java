package io.lazystate.paging;

import io.lazystate.loading.PageId;
import io.lazystate.manifest.Extent;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;

/** Which pages an iterator over the cold rows with one prefix needs. */
final class PrefixPages {
    /** Of one run. */
    private static final int MAX_PAGES = 8;

    private PrefixPages() {}

    /**
     * Names the runs of cold extents that may hold rows with a prefix, each with the key to look
     * from.
     */
    static void forEachRun(ExtentMap map, byte[] prefix, BiConsumer<Run, byte[]> action) {
        boolean more = true;
        for (int i = map.indexOf(prefix); i < map.size() && more; i++) {
            Extent extent = map.extent(i);
            if (!map.isLocal(i)) {
                forEachRun(extent, prefix, action);
            }
            // An iterator that comes to the end of an extent looks at the next one's first row.
            more = startsWith(extent.lower(), prefix) || isInLastPage(extent, prefix);
        }
    }

    private static void forEachRun(Extent extent, byte[] prefix, BiConsumer<Run, byte[]> action) {
        boolean before = Arrays.compareUnsigned(prefix, extent.lower()) < 0;
        byte[] from = before ? extent.lower() : prefix;
        for (Run run : ColdReader.newestFirst(extent)) {
            byte[] first = run.meta().firstKey();
            boolean starts = Arrays.compareUnsigned(first, from) <= 0 || startsWith(first, from);
            if (starts && Arrays.compareUnsigned(run.meta().lastKey(), from) >= 0) {
                action.accept(run, from);
            }
        }
    }

    private static boolean isInLastPage(Extent extent, byte[] prefix) {
        Run base = extent.base();
        PageTable table = base == null ? null : base.pageTable();
        if (table == null || Arrays.compareUnsigned(extent.lower(), prefix) > 0) {
            return false;
        }
        PageRef last = table.page(table.pages() - 1);
        return Arrays.compareUnsigned(last.firstKey(), prefix) <= 0
                || startsWith(last.firstKey(), prefix);
    }

    /** The pages of a run, from a key on, that may hold rows with a prefix; at least one. */
    static List<PageId> in(Run run, PageTable table, byte[] from, byte[] prefix) {
        List<PageId> pages = new ArrayList<>();
        int page = Math.max(0, table.pageFor(from));
        int end = Math.min(table.pages(), page + MAX_PAGES);
        do {
            pages.add(new PageId(run, page));
        } while (++page < end && startsWith(table.page(page).firstKey(), prefix));
        return pages;
    }

    static boolean startsWith(byte[] key, byte[] prefix) {
        return key.length >= prefix.length
                && Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length);
    }
}
