package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Page;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.VerifiedReader;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Fetches pages of runs, verified, through a bounded cache.
 *
 * <p>Threads: any; requests for the same page are made once. Only the thread that builds it, the
 * task's, has faults: what others wait for counts as theirs. Cost: what is not cached is fetched in
 * one parallel wave, at most one ranged read for each page. Ownership: the executor and the reader
 * belong to the caller; a page stays usable for as long as it is referenced.
 */
@Internal
public final class PageLoader {
    /** Pages that are prefetched with one read at the most. */
    private static final int MAX_PAGES_A_READ = 64;

    /** The same for a prediction: a task that comes to wait for one of them waits for all. */
    private static final int MAX_PREDICTED_PAGES_A_READ = 8;

    /** Of the page cache, what pages that are fetched ahead may take until they are used. */
    private static final int SHARE_AHEAD = 2;

    /** Pages are larger on the heap than in the store. */
    private static final int ASSUMED_COMPRESSION = 2;

    private final LoadingMetrics metrics;
    private final PageCache cache;
    private final Faults faults;
    private final PageIndexes indexes;
    private final RunReads reads;
    private final ExtentHeat heat = new ExtentHeat();
    private final SingleFlight<PageId, Page> pages;

    /** Of the pages that are on their way for predictions. */
    private final LongAdder storedBytesAhead = new LongAdder();

    /**
     * @param executor bounded; its threads wait for the store
     * @param cacheBytes heap bytes of decoded pages that are kept
     */
    public PageLoader(
            VerifiedReader reader, LoadExecutor executor, long cacheBytes, LoadingMetrics metrics) {
        this.metrics = metrics;
        this.cache = new PageCache(cacheBytes, metrics);
        this.faults = new Faults(metrics);
        this.indexes = new PageIndexes(reader, executor, metrics, faults);
        this.reads = new RunReads(reader, metrics, indexes);
        this.pages = new SingleFlight<>(executor, metrics.pendingPages());
    }

    /** Fetches the indexes of the pages. */
    public PageIndexes indexes() {
        return indexes;
    }

    /** Reads past the cache. */
    public RunReads reads() {
        return reads;
    }

    /** Notes which extents are read cold. */
    public ExtentHeat heat() {
        return heat;
    }

    /** Counts what is fetched. */
    public LoadingMetrics metrics() {
        return metrics;
    }

    /** The waits of the task for pages. */
    DemandWaits waits() {
        return faults.waits();
    }

    /**
     * Returns the pages asked for, in order; the caller waits for those that are not cached.
     *
     * @throws LazyStateException UNAVAILABLE, CORRUPT (names object and range), CLOSED
     */
    public Page[] demand(List<PageId> ids) {
        Page[] found = new Page[ids.size()];
        List<PageId> missing = new ArrayList<>();
        for (int i = 0; i < found.length; i++) {
            found[i] = cache.get(ids.get(i));
            if (found[i] == null) {
                missing.add(ids.get(i));
            }
        }
        metrics.pageCacheHits().add(found.length - missing.size());
        metrics.pageCacheMisses().add(missing.size());
        if (missing.isEmpty()) {
            return found;
        }
        List<Page> fetched =
                faults.await(
                        cause -> {
                            List<CompletableFuture<Page>> wave = new ArrayList<>(missing.size());
                            missing.forEach(id -> wave.add(fetch(id, 1, cause)));
                            indexes.fetchFilters(ids, cause);
                            return wave;
                        });
        int next = 0;
        for (int i = 0; i < found.length; i++) {
            if (found[i] == null) {
                found[i] = fetched.get(next++);
                cache.get(ids.get(i)); // if it was predicted, it was used
            }
        }
        return found;
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
        (cached == null ? metrics.pageCacheMisses() : metrics.pageCacheHits()).increment();
        if (cached != null) {
            return cached;
        }
        Page fetched = faults.await(cause -> List.of(fetch(id, ahead, cause))).get(0);
        cache.get(id);
        return fetched;
    }

    /** A page that is in the cache, for its use; or null. */
    public @Nullable Page atHand(PageId id) {
        return cache.get(id);
    }

    /** A page that is in the cache, or null. To look is not to use it. */
    public @Nullable Page cached(PageId id) {
        return cache.look(id);
    }

    /**
     * Heap bytes that may still be fetched for predictions: what was fetched and is not used yet
     * takes at most half of the page cache, so that it does not drive itself out.
     */
    public long roomAhead() {
        return maxBytesAhead() - cache.aheadBytes() - heapBytes(storedBytesAhead.sum());
    }

    /** Half of the page cache: what may be fetched ahead of its use. */
    public long maxBytesAhead() {
        return cache.maxBytes() / SHARE_AHEAD;
    }

    /** Heap bytes that pages of so many stored bytes take, as a guess. */
    public static long heapBytes(long stored) {
        return stored * ASSUMED_COMPRESSION;
    }

    /** Starts to fetch pages into the cache for a restore, which waits for them. */
    public Arrival prefetch(Collection<PageId> ids) {
        return prefetch(ids, LoadCause.DEMAND);
    }

    /**
     * Starts to fetch pages into the cache. Counts as no fault.
     *
     * <p>Cost: one ranged read for each stretch of neighbouring pages that are neither cached nor
     * on their way.
     *
     * @param ids with page tables that are here
     */
    public Arrival prefetch(Collection<PageId> ids, LoadCause cause) {
        Map<Run, BitSet> missing = new LinkedHashMap<>();
        List<CompletableFuture<Page>> wave = new ArrayList<>();
        for (PageId id : ids) {
            if (pages.isUnderWay(id)) {
                wave.add(fetch(id, 1, cause));
            } else if (cache.look(id) == null) {
                missing.computeIfAbsent(id.run(), run -> new BitSet()).set(id.page());
            }
        }
        int most = cause == LoadCause.PREFETCH ? MAX_PREDICTED_PAGES_A_READ : MAX_PAGES_A_READ;
        missing.forEach(
                (run, wanted) -> {
                    for (int from = wanted.nextSetBit(0); from >= 0; ) {
                        int end = Math.min(wanted.nextClearBit(from), from + most);
                        wave.add(fetch(new PageId(run, from), end - from, cause));
                        from = wanted.nextSetBit(end);
                    }
                });
        return new Arrival(wave);
    }

    /** Gives the cache's memory back, when nothing is cold any more. */
    public void dropCache() {
        cache.clear();
    }

    /** Gives the memory of a run's pages back, which is read no more. */
    public void forget(Run run) {
        cache.forget(run);
    }

    private CompletableFuture<Page> fetch(PageId id, int ahead, LoadCause asked) {
        Run run = id.run();
        int end = Math.min(id.page() + ahead, run.meta().pageCount());
        long stored = bytes(run, id.page(), end);
        List<PageId> ids = new ArrayList<>(end - id.page());
        for (int page = id.page(); page < end; page++) {
            ids.add(new PageId(run, page));
        }
        CompletableFuture<Page> first =
                pages.start(
                        ids,
                        asked,
                        stored,
                        cause -> {
                            List<Page> read = reads.pagesPending(run, id.page(), end, cause);
                            boolean predicted = cause == LoadCause.PREFETCH;
                            for (int i = 0; i < read.size(); i++) {
                                cache.put(ids.get(i), read.get(i), predicted);
                            }
                            return read;
                        });
        if (asked == LoadCause.PREFETCH) {
            storedBytesAhead.add(stored);
            CompletableFuture<Page> unused =
                    first.whenComplete((page, error) -> storedBytesAhead.add(-stored));
        }
        return first;
    }

    private static long bytes(Run run, int from, int to) {
        PageTable table = run.pageTable();
        return table == null ? 0 : table.page(to - 1).endOffset() - table.page(from).offset();
    }
}
