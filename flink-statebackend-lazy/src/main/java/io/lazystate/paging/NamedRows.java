package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.Arrival;
import io.lazystate.loading.PageId;
import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.LoadCause;
import io.lazystate.paging.AtHandReader.NotHere;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * Loads the cold rows that begin with given bytes, and keeps them at hand until their extents are
 * resident.
 *
 * <p>Threads: the task thread, before states are used. Cost: a wave of reads for page tables that
 * are not here, and one for the pages of as many rows as fit into half of the page cache. Bounds:
 * {@link #MAX_ROWS_A_PREFIX}; rows of half of the page cache's size in all.
 */
@Internal
public final class NamedRows {
    private static final int MAX_ROWS_A_PREFIX = 1_000;

    private final RowReader reader;
    private final StateRegistry states;
    private final PageLoader loader;
    private final AtHandReader atHand;

    NamedRows(RowReader reader, StateRegistry states, PageLoader loader, AtHandReader atHand) {
        this.reader = reader;
        this.states = states;
        this.loader = loader;
        this.atHand = atHand;
    }

    /** What rows of a state begin with. */
    public record Prefix(String state, byte[] bytes) {}

    /**
     * What was loaded.
     *
     * @param left prefixes whose rows are not all at hand
     * @param reason for one of them
     * @param expired whether time ran out
     */
    public record Loaded(long rows, long bytes, int left, String reason, boolean expired) {}

    /** What has become of a load so far. */
    private static final class Progress {
        private final Map<PagedState, NavigableMap<byte[], byte[]>> kept = new HashMap<>();
        private long rows;
        private long bytes;
        private int left;
        private String reason = "";
        private boolean expired;

        void leave(int prefixes, String why) {
            left += prefixes;
            reason = reason.isEmpty() ? why : reason;
        }
    }

    /**
     * Loads rows.
     *
     * @param nanosLeft how long this may take
     * @throws LazyStateException CLOSED
     */
    public Loaded load(List<Prefix> wanted, LongSupplier nanosLeft) {
        List<Prefix> cold = wanted.stream().filter(prefix -> coldState(prefix) != null).toList();
        Progress progress = new Progress();
        await(
                loader.indexes().prefetchPageTables(runs(cold), LoadCause.PRELOAD),
                nanosLeft,
                progress);
        int next = 0;
        while (next < cold.size() && !progress.expired && hasRoom(progress)) {
            Set<PageId> pages = new LinkedHashSet<>();
            int end = next;
            for (long bytes = 0; end < cold.size() && bytes < loader.maxBytesAhead(); end++) {
                for (PageId page : pages(cold.get(end))) {
                    bytes += pages.add(page) ? heapBytes(page) : 0;
                }
            }
            await(loader.prefetch(pages, LoadCause.PRELOAD), nanosLeft, progress);
            for (; next < end && hasRoom(progress); next++) {
                keep(cold.get(next), progress);
            }
        }
        if (next < cold.size()) {
            progress.leave(
                    cold.size() - next,
                    progress.expired ? "time ran out" : "they are more than fit into memory");
        }
        progress.kept.forEach((state, rows) -> state.setHotRows(state.hotRows().with(rows)));
        return new Loaded(
                progress.rows, progress.bytes, progress.left, progress.reason, progress.expired);
    }

    private boolean hasRoom(Progress progress) {
        return progress.bytes < loader.maxBytesAhead();
    }

    private @Nullable PagedState coldState(Prefix prefix) {
        PagedState state = states.named(prefix.state());
        return state == null || state.map().allResident() ? null : state;
    }

    private Set<Run> runs(List<Prefix> prefixes) {
        Set<Run> runs = new LinkedHashSet<>();
        for (Prefix prefix : prefixes) {
            PagedState state = coldState(prefix);
            if (state != null) {
                PrefixPages.forEachRun(state.map(), prefix.bytes(), (run, from) -> runs.add(run));
            }
        }
        return runs;
    }

    /** In the runs whose page tables are here. */
    private List<PageId> pages(Prefix prefix) {
        List<PageId> pages = new ArrayList<>();
        PagedState state = coldState(prefix);
        if (state != null) {
            PrefixPages.forEachRun(
                    state.map(),
                    prefix.bytes(),
                    (run, from) -> {
                        PageTable table = run.pageTable();
                        if (table != null) {
                            pages.addAll(PrefixPages.in(run, table, from, prefix.bytes()));
                        }
                    });
        }
        return pages;
    }

    private static long heapBytes(PageId page) {
        PageTable table = page.run().pageTable();
        return table == null ? 0 : PageLoader.heapBytes(table.page(page.page()).length());
    }

    /** Waits while there is time; a failure is no reason to stop. */
    private static void await(Arrival arrival, LongSupplier nanosLeft, Progress progress) {
        progress.expired |= !arrival.awaitDone(nanosLeft);
        LazyStateException failure = arrival.failure();
        if (failure != null) {
            if (failure.kind() == Kind.CLOSED) {
                throw failure;
            }
            progress.leave(0, String.valueOf(failure.getMessage()));
        }
    }

    /** Keeps the rows with a prefix whose pages have come. */
    private void keep(Prefix prefix, Progress progress) {
        PagedState state = coldState(prefix);
        if (state == null) {
            return;
        }
        NavigableMap<byte[], byte[]> kept =
                progress.kept.computeIfAbsent(state, s -> new TreeMap<>(Arrays::compareUnsigned));
        byte[] bytes = prefix.bytes();
        try (RocksIterator rows = reader.iteratorAtHand(state, atHand)) {
            int count = 0;
            for (rows.seek(bytes); rows.isValid(); rows.next()) {
                byte[] key = rows.key();
                if (!PrefixPages.startsWith(key, bytes)) {
                    break;
                }
                if (++count > MAX_ROWS_A_PREFIX || !hasRoom(progress)) {
                    progress.leave(1, "they have more rows than are kept");
                    break;
                }
                byte[] value = rows.value();
                if (!state.map().isResident(key) && kept.put(key, value) == null) {
                    progress.rows++;
                    progress.bytes += key.length + value.length;
                }
            }
            rows.status();
        } catch (NotHere e) {
            progress.leave(1, "their pages have not come");
        } catch (RocksDBException e) {
            throw Natives.failed(PagedRocksDB.where(state), "keeping rows at hand", e);
        } finally {
            atHand.takeMissed();
        }
    }
}
