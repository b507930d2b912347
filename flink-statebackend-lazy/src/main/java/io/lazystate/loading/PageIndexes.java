package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.VerifiedReader;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.apache.flink.annotation.Internal;

/**
 * Fetches page indexes of runs, verified, for the runs to keep: page tables, which say where the
 * pages lie, and filters, which tell that a key is absent.
 *
 * <p>Threads: any; requests for the same index are made once. Cost: at most one ranged read for
 * each. Errors: as of {@link PageLoader#demand}, for those who wait.
 */
@Internal
public final class PageIndexes {
    private final VerifiedReader reader;
    private final LoadingMetrics metrics;
    private final Faults faults;
    private final SingleFlight<Run, PageTable> tables;
    private final SingleFlight<Run, Run> filters;

    PageIndexes(
            VerifiedReader reader, LoadExecutor executor, LoadingMetrics metrics, Faults faults) {
        this.reader = reader;
        this.metrics = metrics;
        this.faults = faults;
        this.tables = new SingleFlight<>(executor, metrics.pendingIndexes());
        this.filters = new SingleFlight<>(executor, metrics.pendingIndexes());
    }

    // ------------------------------------------------------------------ page tables

    /** Makes the page tables of the runs available; those missing are fetched in one wave. */
    public void requirePageTables(Collection<Run> runs) {
        for (Run run : runs) {
            if (run.pageTable() == null) {
                List<PageTable> unused = faults.await(cause -> fetchPageTables(runs, cause));
                return;
            }
        }
    }

    /** Returns a run's page table, fetching it if it is not here. */
    public PageTable pageTable(Run run) {
        return pageTable(run, LoadCause.DEMAND);
    }

    /**
     * As above, for whoever else waits.
     *
     * @throws LazyStateException UNAVAILABLE, CORRUPT (names object and range), CLOSED
     */
    public PageTable pageTable(Run run, LoadCause cause) {
        PageTable table = run.pageTable();
        return table != null ? table : faults.result(fetchPageTable(run, cause));
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
                    ObjectRange range =
                            new ObjectRange(run.object(), run.pageTableOffset(), length);
                    PageTable table =
                            reader.read(
                                    range,
                                    cause,
                                    stored -> run.installPageTable(stored, range.where()));
                    metrics.loaded(cause, 0, length);
                    return table;
                });
    }

    // ------------------------------------------------------------------ filters

    /** Starts to fetch the filters of the pages' runs that are not here. Nobody waits for them. */
    public void prefetchFilters(Collection<PageId> ids) {
        fetchFilters(ids, LoadCause.PREFETCH);
    }

    /**
     * Fetches the filters of the runs in the same wave as their first pages. Nobody waits: they
     * answer later reads, and a filter that cannot be had costs only pages.
     */
    void fetchFilters(Collection<PageId> ids, LoadCause cause) {
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
                    ObjectRange range = new ObjectRange(run.object(), run.filterOffset(), length);
                    reader.read(range, cause, stored -> run.installFilter(stored, range.where()));
                    metrics.loaded(cause, 0, length);
                    return run;
                });
    }
}
