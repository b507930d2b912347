package io.lazystate.loading;

import io.lazystate.metrics.LoadCause;
import io.lazystate.run.Page;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import java.util.List;
import org.apache.flink.annotation.Internal;

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
    private List<Page> here = List.of();
    private int first;

    public SequentialPages(PageLoader loader, Run run, LoadCause cause) {
        this.loader = loader;
        this.run = run;
        this.cause = cause;
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
        int to = from + 1;
        while (to < table.pages() && table.page(to).endOffset() <= end) {
            to++;
        }
        return to;
    }
}
