package io.lazystate.loading;

import io.lazystate.run.Page;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the pages used last, up to a number of heap bytes.
 *
 * <p>Threads: any. A page larger than the whole cache is kept alone until the next one comes.
 */
final class PageCache {
    private final long maxBytes;
    private final Map<PageId, Page> pages = new LinkedHashMap<>(64, 0.75f, true);
    private long bytes;

    PageCache(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    synchronized @Nullable Page get(PageId id) {
        return pages.get(id);
    }

    synchronized void clear() {
        pages.clear();
        bytes = 0;
    }

    synchronized void put(PageId id, Page page) {
        Page old = pages.put(id, page);
        bytes += page.sizeBytes() - (old == null ? 0 : old.sizeBytes());
        var eldest = pages.entrySet().iterator();
        while (bytes > maxBytes && pages.size() > 1) {
            bytes -= eldest.next().getValue().sizeBytes();
            eldest.remove();
        }
    }
}
