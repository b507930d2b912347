package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Page;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.RangedReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Fetches pages and page indexes of runs, verified, through a bounded cache.
 *
 * <p>Threads: any; requests for the same page or index are made once. Cost: what is not cached is
 * fetched in one parallel wave, at most one ranged read for each page or index. Ownership: the
 * executor and the reader belong to the caller; a page stays usable for as long as it is
 * referenced.
 */
@Internal
public final class PageLoader {
    /** Pages that are prefetched with one read at the most. */
    private static final int MAX_PAGES_A_READ = 64;

    private final RangedReader reader;
    private final ExecutorService executor;
    private final LoadingMetrics metrics;
    private final PageCache cache;
    private final Map<PageId, CompletableFuture<Page>> pagesUnderWay = new ConcurrentHashMap<>();
    private final Map<Run, CompletableFuture<PageTable>> tablesUnderWay = new ConcurrentHashMap<>();
    private final Map<Run, CompletableFuture<Run>> filtersUnderWay = new ConcurrentHashMap<>();

    /**
     * @param executor bounded; its threads wait for the store
     * @param cacheBytes heap bytes of decoded pages that are kept
     */
    public PageLoader(
            RangedReader reader,
            ExecutorService executor,
            long cacheBytes,
            LoadingMetrics metrics) {
        this.reader = reader;
        this.executor = executor;
        this.metrics = metrics;
        this.cache = new PageCache(cacheBytes);
    }

    /**
     * Returns the pages asked for, in order; the caller waits for those that are not cached.
     *
     * @throws LazyStateException UNAVAILABLE, CORRUPT (names object and range), CLOSED
     *     (interrupted)
     */
    public Page[] demand(List<PageId> ids) {
        Page[] pages = new Page[ids.size()];
        List<CompletableFuture<Page>> wave = new ArrayList<>();
        for (int i = 0; i < pages.length; i++) {
            Page cached = cache.get(ids.get(i));
            if (cached != null) {
                pages[i] = cached;
            } else {
                wave.add(fetch(ids.get(i), 1));
            }
        }
        if (wave.isEmpty()) {
            return pages;
        }
        metrics.faults().increment();
        fetchFilters(ids);
        int next = 0;
        for (int i = 0; i < pages.length; i++) {
            if (pages[i] == null) {
                pages[i] = Futures.await(wave.get(next++));
            }
        }
        return pages;
    }

    /**
     * Returns one page and fetches the pages behind it in the same ranged read, for a reader that
     * goes on.
     *
     * @param ahead pages to fetch, at least 1, from {@code id} on; those behind the last are left
     *     out
     */
    public Page demandAhead(PageId id, int ahead) {
        Page cached = cache.get(id);
        if (cached != null) {
            return cached;
        }
        metrics.faults().increment();
        return Futures.await(fetch(id, ahead));
    }

    /** A page that is in the cache, or null. */
    public @Nullable Page cached(PageId id) {
        return cache.get(id);
    }

    /** What was asked for and is on its way. */
    @FunctionalInterface
    public interface Arrival {
        /**
         * Waits until everything is here.
         *
         * @throws LazyStateException as of the reads
         */
        void await();
    }

    /**
     * Starts to fetch pages into the cache. Counts as no fault.
     *
     * <p>Cost: one ranged read for each stretch of neighbouring pages that are not cached.
     *
     * @param ids with page tables that are here
     */
    public Arrival prefetch(Collection<PageId> ids) {
        Map<Run, BitSet> missing = new LinkedHashMap<>();
        for (PageId id : ids) {
            if (cache.get(id) == null) {
                missing.computeIfAbsent(id.run(), run -> new BitSet()).set(id.page());
            }
        }
        List<CompletableFuture<Page>> wave = new ArrayList<>();
        missing.forEach(
                (run, pages) -> {
                    for (int from = pages.nextSetBit(0); from >= 0; ) {
                        int end = Math.min(pages.nextClearBit(from), from + MAX_PAGES_A_READ);
                        wave.add(fetch(new PageId(run, from), end - from));
                        from = pages.nextSetBit(end);
                    }
                });
        return () -> wave.forEach(Futures::await);
    }

    /** Starts to fetch the page tables that are not here, each with one ranged read. */
    public Arrival prefetchPageTables(Collection<Run> runs) {
        List<CompletableFuture<PageTable>> wave = new ArrayList<>();
        for (Run run : runs) {
            if (run.pageTable() == null) {
                wave.add(fetchPageTable(run));
            }
        }
        return () -> wave.forEach(Futures::await);
    }

    /** Gives the cache's memory back, when nothing is cold any more. */
    public void dropCache() {
        cache.clear();
    }

    /** Makes the page tables of the runs available; those missing are fetched in one wave. */
    public void requirePageTables(Collection<Run> runs) {
        List<CompletableFuture<PageTable>> wave = null;
        for (Run run : runs) {
            if (run.pageTable() == null) {
                if (wave == null) {
                    wave = new ArrayList<>();
                }
                wave.add(fetchPageTable(run));
            }
        }
        if (wave != null) {
            metrics.faults().increment();
            wave.forEach(Futures::await);
        }
    }

    /** Returns a run's page table, fetching it if it is not here. */
    public PageTable pageTable(Run run) {
        PageTable table = run.pageTable();
        return table != null ? table : Futures.await(fetchPageTable(run));
    }

    /**
     * Copies a run's whole table to a local file, verified.
     *
     * @throws LazyStateException CORRUPT if length or checksum differ; the file is then to be
     *     deleted
     */
    public void download(Run run, Path target) {
        int crc = reader.download(run.object(), run.offset(), run.meta().tableBytes(), target);
        if (crc != run.meta().tableCrc32c()) {
            throw new LazyStateException(
                    Kind.CORRUPT,
                    where(run, run.offset(), run.meta().tableBytes()),
                    "The run file failed its checksum; restore from a backup copy, or from an"
                            + " older checkpoint",
                    null);
        }
        metrics.bytesRead().add(run.meta().tableBytes());
        metrics.pagesLoaded().add(run.meta().pageCount());
    }

    /** Reads and verifies neighbouring pages with one ranged read, past the cache. */
    public List<Page> readPages(Run run, int from, int to) {
        PageTable table = pageTable(run);
        long start = table.page(from).offset();
        PageRef last = table.page(to - 1);
        int length = Math.toIntExact(last.offset() + last.length() - start);
        byte[] bytes = reader.read(run.object(), run.offset() + start, length);
        metrics.bytesRead().add(length);
        metrics.pagesLoaded().add(to - from);
        List<Page> pages = new ArrayList<>(to - from);
        for (int i = from; i < to; i++) {
            PageRef ref = table.page(i);
            int at = Math.toIntExact(ref.offset() - start);
            byte[] stored = Arrays.copyOfRange(bytes, at, at + ref.length());
            pages.add(Page.decode(stored, ref, run.where(ref)));
        }
        return pages;
    }

    private CompletableFuture<Page> fetch(PageId id, int ahead) {
        return once(
                pagesUnderWay,
                id,
                () -> {
                    int last = Math.min(id.page() + ahead, id.run().meta().pageCount());
                    List<Page> pages = readPages(id.run(), id.page(), last);
                    for (int i = 0; i < pages.size(); i++) {
                        cache.put(new PageId(id.run(), id.page() + i), pages.get(i));
                    }
                    return pages.get(0);
                });
    }

    private CompletableFuture<PageTable> fetchPageTable(Run run) {
        return once(
                tablesUnderWay,
                run,
                () -> {
                    int length = run.meta().pageTableBytes();
                    byte[] stored = reader.read(run.object(), run.pageTableOffset(), length);
                    metrics.bytesRead().add(length);
                    return run.installPageTable(stored, where(run, run.pageTableOffset(), length));
                });
    }

    /**
     * Fetches the filters of the runs in the same wave as their first pages. Nobody waits: they
     * answer later reads, and a filter that cannot be had costs only pages.
     */
    private void fetchFilters(List<PageId> ids) {
        for (PageId id : ids) {
            Run run = id.run();
            if (run.filter() == null && run.meta().pageCount() > 1) {
                CompletableFuture<Run> unused = fetchFilter(run);
            }
        }
    }

    private CompletableFuture<Run> fetchFilter(Run run) {
        return once(
                filtersUnderWay,
                run,
                () -> {
                    int length = run.meta().filterBytes();
                    byte[] stored = reader.read(run.object(), run.filterOffset(), length);
                    metrics.bytesRead().add(length);
                    run.installFilter(stored, where(run, run.filterOffset(), length));
                    return run;
                });
    }

    /** Starts the work unless the same is under way; whoever asks gets the one future. */
    private <K, V> CompletableFuture<V> once(
            Map<K, CompletableFuture<V>> underWay, K key, Supplier<V> work) {
        CompletableFuture<V> mine = new CompletableFuture<>();
        CompletableFuture<V> other = underWay.putIfAbsent(key, mine);
        if (other != null) {
            return other;
        }
        try {
            executor.execute(
                    () -> {
                        try {
                            V value = work.get();
                            underWay.remove(key);
                            mine.complete(value);
                        } catch (Throwable t) {
                            underWay.remove(key);
                            mine.completeExceptionally(t);
                        }
                    });
        } catch (RejectedExecutionException e) {
            underWay.remove(key);
            mine.completeExceptionally(Futures.stopped(e));
        }
        return mine;
    }

    private static Where where(Run run, long offset, long length) {
        return run.object().where(offset, length);
    }
}
