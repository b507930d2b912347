package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Crc32c;
import io.lazystate.run.Page;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.Check;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import io.lazystate.store.VerifiedReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Fetches pages and page indexes of runs, verified, through a bounded cache.
 *
 * <p>Threads: any; requests for the same page or index are made once. Only the thread that builds
 * it, the task's, has faults: what others wait for counts as theirs. Cost: what is not cached is
 * fetched in one parallel wave, at most one ranged read for each page or index. Ownership: the
 * executor and the reader belong to the caller; a page stays usable for as long as it is
 * referenced.
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

    private final VerifiedReader reader;
    private final LoadingMetrics metrics;
    private final PageCache cache;
    private final Thread taskThread = Thread.currentThread();
    private final DemandWaits waits = new DemandWaits();
    private final ExtentHeat heat = new ExtentHeat();
    private final SingleFlight<PageId, Page> pages;
    private final SingleFlight<Run, PageTable> tables;
    private final SingleFlight<Run, Run> filters;

    /** Of the pages that are on their way for predictions. */
    private final LongAdder storedBytesAhead = new LongAdder();

    /**
     * @param executor bounded; its threads wait for the store
     * @param cacheBytes heap bytes of decoded pages that are kept
     */
    public PageLoader(
            VerifiedReader reader, LoadExecutor executor, long cacheBytes, LoadingMetrics metrics) {
        this.reader = reader;
        this.metrics = metrics;
        this.cache = new PageCache(cacheBytes, metrics);
        this.pages = new SingleFlight<>(executor, metrics.pendingPages());
        this.tables = new SingleFlight<>(executor);
        this.filters = new SingleFlight<>(executor);
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
        return waits;
    }

    /**
     * Returns the pages asked for, in order; the caller waits for those that are not cached.
     *
     * @throws LazyStateException UNAVAILABLE, CORRUPT (names object and range), CLOSED
     *     (interrupted)
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
        return fault(
                cause -> {
                    List<CompletableFuture<Page>> wave = new ArrayList<>(missing.size());
                    missing.forEach(id -> wave.add(fetch(id, 1, cause)));
                    fetchFilters(ids, cause);
                    int next = 0;
                    for (int i = 0; i < found.length; i++) {
                        if (found[i] == null) {
                            found[i] = Futures.await(wave.get(next++));
                            cache.get(ids.get(i)); // if it was predicted, it was used
                        }
                    }
                    return found;
                });
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
        Page fetched = fault(cause -> Futures.await(fetch(id, ahead, cause)));
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

    /** Starts to fetch the filters of the pages' runs that are not here. Nobody waits for them. */
    public void prefetchFilters(Collection<PageId> ids) {
        fetchFilters(ids, LoadCause.PREFETCH);
    }

    /**
     * Fetches a page table that is not here, then goes on with it in a thread of the loader, or in
     * this one. Nobody hears of errors.
     */
    public void withPageTable(Run run, Consumer<PageTable> then) {
        CompletableFuture<Void> unused = fetchPageTable(run, LoadCause.PREFETCH).thenAccept(then);
    }

    /** Starts to fetch the page tables that are not here, each with one ranged read. */
    public Arrival prefetchPageTables(Collection<Run> runs) {
        return prefetchPageTables(runs, LoadCause.DEMAND);
    }

    /** As above, for another cause. */
    public Arrival prefetchPageTables(Collection<Run> runs, LoadCause cause) {
        return new Arrival(fetchPageTables(runs, cause));
    }

    /** Gives the cache's memory back, when nothing is cold any more. */
    public void dropCache() {
        cache.clear();
    }

    /** Gives the memory of a run's pages back, which is read no more. */
    public void forget(Run run) {
        cache.forget(run);
    }

    /** Makes the page tables of the runs available; those missing are fetched in one wave. */
    public void requirePageTables(Collection<Run> runs) {
        for (Run run : runs) {
            if (run.pageTable() == null) {
                fault(
                        cause -> {
                            fetchPageTables(runs, cause).forEach(Futures::await);
                            return runs;
                        });
                return;
            }
        }
    }

    /** Returns a run's page table, fetching it if it is not here. */
    public PageTable pageTable(Run run) {
        return pageTable(run, LoadCause.DEMAND);
    }

    /** As above, for whoever else waits. */
    public PageTable pageTable(Run run, LoadCause cause) {
        PageTable table = run.pageTable();
        return table != null ? table : Futures.await(fetchPageTable(run, cause));
    }

    /**
     * Copies a run's whole table to a local file, verified.
     *
     * <p>Ownership: as of {@link VerifiedReader#download}.
     *
     * @throws LazyStateException CORRUPT if length or checksum differ
     */
    public void download(Run run, Path target, LoadCause cause) {
        long length = run.meta().tableBytes();
        ObjectRange table = range(run, run.offset(), length);
        pending(
                run.meta().pageCount(),
                () -> {
                    reader.download(table, run.meta().tableCrc32c(), cause, target);
                    return true;
                });
        metrics.loaded(cause, run.meta().pageCount(), length);
    }

    /**
     * Reads the tables of runs of one object with one ranged read, from the first to the last of
     * them.
     *
     * @param runs at most 2 GB from end to end
     * @return the table of each, in order; parts of one array
     * @throws LazyStateException CORRUPT if the checksum of any differs
     */
    List<ByteBuffer> readTables(List<Run> runs, LoadCause cause) {
        StoredObject object = runs.get(0).object();
        long start = runs.stream().mapToLong(Run::offset).min().orElseThrow();
        long end =
                runs.stream()
                        .mapToLong(run -> run.offset() + run.meta().tableBytes())
                        .max()
                        .orElseThrow();
        int pages = runs.stream().mapToInt(run -> run.meta().pageCount()).sum();
        int length = Math.toIntExact(end - start);
        return pending(
                pages,
                () -> {
                    List<ByteBuffer> tables =
                            reader.read(
                                    new ObjectRange(object, start, length),
                                    cause,
                                    bytes -> tables(runs, start, bytes));
                    metrics.loaded(cause, pages, length);
                    return tables;
                });
    }

    /** The tables of runs that lie in these bytes; CORRUPT if the checksum of any differs. */
    private static List<ByteBuffer> tables(List<Run> runs, long start, byte[] bytes) {
        List<ByteBuffer> tables = new ArrayList<>(runs.size());
        for (Run run : runs) {
            int at = Math.toIntExact(run.offset() - start);
            int tableBytes = Math.toIntExact(run.meta().tableBytes());
            verify(run, Crc32c.of(bytes, at, tableBytes));
            tables.add(ByteBuffer.wrap(bytes, at, tableBytes));
        }
        return tables;
    }

    private static void verify(Run run, int crc32c) {
        if (crc32c != run.meta().tableCrc32c()) {
            throw new LazyStateException(
                    Kind.CORRUPT,
                    range(run, run.offset(), run.meta().tableBytes()).where(),
                    "The run file failed its checksum; restore from a backup copy, or from an"
                            + " older checkpoint",
                    null);
        }
    }

    /** Reads bytes of a run that are neither pages nor indexes to the caller, past the cache. */
    public <T> T read(Run run, long offset, int length, LoadCause cause, Check<T> check) {
        T result = reader.read(range(run, offset, length), cause, check);
        metrics.loaded(cause, 0, length);
        return result;
    }

    /** Reads and verifies neighbouring pages with one ranged read, past the cache. */
    public List<Page> readPages(Run run, int from, int to, LoadCause cause) {
        pageTable(run, cause);
        return pending(to - from, () -> read(run, from, to, cause));
    }

    private List<Page> read(Run run, int from, int to, LoadCause cause) {
        PageTable table = pageTable(run, cause);
        long start = table.page(from).offset();
        PageRef last = table.page(to - 1);
        int length = Math.toIntExact(last.offset() + last.length() - start);
        List<Page> pages =
                reader.read(
                        range(run, run.offset() + start, length),
                        cause,
                        bytes -> decode(run, table, from, to, bytes));
        metrics.loaded(cause, to - from, length);
        return pages;
    }

    private static List<Page> decode(Run run, PageTable table, int from, int to, byte[] bytes) {
        long start = table.page(from).offset();
        List<Page> decoded = new ArrayList<>(to - from);
        for (int i = from; i < to; i++) {
            PageRef ref = table.page(i);
            int at = Math.toIntExact(ref.offset() - start);
            byte[] stored = Arrays.copyOfRange(bytes, at, at + ref.length());
            decoded.add(Page.decode(stored, ref, run.where(ref)));
        }
        return decoded;
    }

    private interface Wait<T> {
        T under(LoadCause cause);
    }

    /** Lets the caller wait for pages or indexes: a fault if it is the task. */
    private <T> T fault(Wait<T> wait) {
        if (Thread.currentThread() != taskThread) {
            return wait.under(LoadCause.SNAPSHOT);
        }
        metrics.faults().increment();
        waits.begin();
        long start = System.nanoTime();
        try {
            return wait.under(LoadCause.DEMAND);
        } finally {
            metrics.waited(System.nanoTime() - start);
            waits.end();
        }
    }

    private <T> T pending(int count, Supplier<T> work) {
        metrics.pendingPages().add(count);
        try {
            return work.get();
        } finally {
            metrics.pendingPages().add(-count);
        }
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
                            List<Page> read = read(run, id.page(), end, cause);
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

    private List<CompletableFuture<PageTable>> fetchPageTables(
            Collection<Run> runs, LoadCause cause) {
        List<CompletableFuture<PageTable>> wave = new ArrayList<>();
        for (Run run : runs) {
            if (run.pageTable() == null) {
                wave.add(fetchPageTable(run, cause));
            }
        }
        return wave;
    }

    /**
     * Always asked for at once, whoever wants it: requests of less urgent causes wait for page
     * tables in the executor's threads, and must not wait for each other there.
     */
    private CompletableFuture<PageTable> fetchPageTable(Run run, LoadCause cause) {
        int length = run.meta().pageTableBytes();
        return tables.start(
                run,
                LoadCause.DEMAND,
                length,
                urgent -> {
                    ObjectRange range = range(run, run.pageTableOffset(), length);
                    PageTable table =
                            reader.read(
                                    range,
                                    cause,
                                    stored -> run.installPageTable(stored, range.where()));
                    metrics.loaded(cause, 0, length);
                    return table;
                });
    }

    /**
     * Fetches the filters of the runs in the same wave as their first pages. Nobody waits: they
     * answer later reads, and a filter that cannot be had costs only pages.
     */
    private void fetchFilters(Collection<PageId> ids, LoadCause cause) {
        for (PageId id : ids) {
            Run run = id.run();
            if (run.filter() == null && run.meta().pageCount() > 1) {
                CompletableFuture<Run> unused = fetchFilter(run, cause);
            }
        }
    }

    private CompletableFuture<Run> fetchFilter(Run run, LoadCause asked) {
        int length = run.meta().filterBytes();
        return filters.start(
                run,
                asked,
                length,
                cause -> {
                    ObjectRange range = range(run, run.filterOffset(), length);
                    reader.read(range, cause, stored -> run.installFilter(stored, range.where()));
                    metrics.loaded(cause, 0, length);
                    return run;
                });
    }

    private static ObjectRange range(Run run, long offset, long length) {
        return new ObjectRange(run.object(), offset, length);
    }
}
