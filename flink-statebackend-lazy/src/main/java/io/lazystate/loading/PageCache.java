package io.lazystate.loading;

import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Page;
import io.lazystate.run.Run;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the pages used last, up to a number of heap bytes, and knows which of those that were
 * fetched ahead were used.
 *
 * <p>Threads: any. A page larger than the whole cache is kept alone until the next one comes.
 */
final class PageCache {
    private static final class Entry {
        private final Page page;

        /** Fetched ahead, and not used yet. */
        private boolean ahead;

        Entry(Page page, boolean ahead) {
            this.page = page;
            this.ahead = ahead;
        }
    }

    private final long maxBytes;
    private final LoadingMetrics metrics;
    private final Map<PageId, Entry> pages = new LinkedHashMap<>(64, 0.75f, true);
    private long bytes;
    private long aheadBytes;

    PageCache(long maxBytes, LoadingMetrics metrics) {
        this.maxBytes = maxBytes;
        this.metrics = metrics;
    }

    long maxBytes() {
        return maxBytes;
    }

    /** A page for its use. */
    synchronized @Nullable Page get(PageId id) {
        Entry entry = pages.get(id);
        if (entry == null) {
            return null;
        }
        if (entry.ahead) {
            entry.ahead = false;
            aheadBytes -= entry.page.sizeBytes();
            metrics.aheadUsed().increment();
        }
        return entry.page;
    }

    /** A page for whoever looks whether it is here: no use of it, but it stays longer. */
    synchronized @Nullable Page look(PageId id) {
        Entry entry = pages.get(id);
        return entry == null ? null : entry.page;
    }

    /** Bytes of pages that were fetched ahead and not used yet. */
    synchronized long aheadBytes() {
        return aheadBytes;
    }

    synchronized void clear() {
        pages.clear();
        bytes = 0;
        aheadBytes = 0;
    }

    /** Drops the pages of a run that nobody reads any more: no page of them was in vain. */
    synchronized void forget(Run run) {
        pages.entrySet()
                .removeIf(
                        cached -> {
                            boolean of = cached.getKey().run() == run;
                            if (of) {
                                subtract(cached.getValue());
                            }
                            return of;
                        });
    }

    /**
     * @param ahead whether nobody has asked for it yet
     */
    synchronized void put(PageId id, Page page, boolean ahead) {
        Entry old = pages.get(id);
        Entry entry = new Entry(page, ahead && (old == null || old.ahead));
        if (old != null) {
            subtract(old);
        }
        pages.put(id, entry);
        bytes += page.sizeBytes();
        aheadBytes += entry.ahead ? page.sizeBytes() : 0;
        var eldest = pages.entrySet().iterator();
        while (bytes > maxBytes && pages.size() > 1) {
            Entry evicted = eldest.next().getValue();
            subtract(evicted);
            if (evicted.ahead) {
                metrics.aheadUnused().increment();
            }
            eldest.remove();
        }
    }

    private void subtract(Entry entry) {
        bytes -= entry.page.sizeBytes();
        aheadBytes -= entry.ahead ? entry.page.sizeBytes() : 0;
    }
}
