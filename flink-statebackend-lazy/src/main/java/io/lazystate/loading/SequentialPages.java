package io.lazystate.loading;

import io.lazystate.metrics.LoadCause;
import io.lazystate.run.Page;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one run for whoever walks it front to back: many with one ranged read, past the page
 * cache.
 *
 * <p>Threads: one. Memory: {@link #READ_BYTES} as stored, or one page if that is larger, and the
 * same rows decoded. Errors: as of {@link RunReads#pages}.
 */
@Internal
public final class SequentialPages implements RunCursor.Pages {
    /** Stored bytes of one read, at most: long enough to hide a round trip. */
    private static final long READ_BYTES = 4 << 20;

    private final PageLoader loader;
    private final Run run;
    private final LoadCause cause;
    private final byte @Nullable [] upper;
    private List<Page> here = List.of();
    private int first;

    /**
     * @param upper key before which the walk ends: no read goes farther; null for the whole run
     */
    public SequentialPages(PageLoader loader, Run run, LoadCause cause, byte @Nullable [] upper) {
        this.loader = loader;
        this.run = run;
        this.cause = cause;
        this.upper = upper;
    }

    @Override
    public Page fetch(int page, int walked) {
        if (page < first || page >= first + here.size()) {
            here = loader.reads().pages(run, page, endOfRead(page), cause);
            first = page;
        }
        return here.get(page - first);
    }

    private int endOfRead(int from) {
        PageTable table = loader.indexes().pageTable(run, cause);
        long end = table.page(from).offset() + READ_BYTES;
        int pages = upper == null ? table.pages() : table.pageFor(upper) + 1;
        int to = from + 1;
        while (to < pages && table.page(to).endOffset() <= end) {
            to++;
        }
        return to;
    }
}
