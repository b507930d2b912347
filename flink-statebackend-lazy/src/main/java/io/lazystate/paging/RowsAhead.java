package io.lazystate.paging;

import io.lazystate.loading.Arrival;
import io.lazystate.loading.PageId;
import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.LoadCause;
import io.lazystate.paging.AtHandReader.NotHere;
import io.lazystate.run.KeyFilter;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * Fetches the pages of cold rows that are going to be read, and never waits for any.
 *
 * <p>Threads: the task thread; what waited for a page table goes on in a thread of the loader.
 * Bounds: {@link PageLoader#roomAhead}. Errors: a page that cannot be fetched is left to whoever
 * reads it.
 */
@Internal
public final class RowsAhead {
    private final RowReader reader;
    private final StateRegistry states;
    private final PageLoader loader;
    private final AtHandReader atHand;
    private final Set<PageId> wanted = new LinkedHashSet<>();
    private long wantedBytes;

    RowsAhead(RowReader reader, StateRegistry states, PageLoader loader, AtHandReader atHand) {
        this.reader = reader;
        this.states = states;
        this.loader = loader;
        this.atHand = atHand;
    }

    /** Whether any row is not in the local database. Cost: some field reads for each state. */
    public boolean anyCold() {
        return !states.allResident();
    }

    /** A state, by name, for the caller's present step: it may be dropped later. */
    public @Nullable State state(String name) {
        PagedState state = states.named(name);
        return state == null ? null : new State(state);
    }

    /** Whether more pages may be fetched now. */
    public boolean hasRoom() {
        return loader.roomAhead() > wantedBytes;
    }

    /** Starts to fetch what was wanted since the last call. */
    public void fetch() {
        if (!wanted.isEmpty()) {
            List<PageId> wave = List.copyOf(wanted);
            wanted.clear();
            wantedBytes = 0;
            fetch(wave);
        }
    }

    private void fetch(List<PageId> wave) {
        Arrival unused = loader.prefetch(wave, LoadCause.PREFETCH);
        loader.indexes().prefetchFilters(wave);
    }

    private void want(PageId page, PageTable table) {
        if (loader.cached(page) == null && wanted.add(page)) {
            wantedBytes += PageLoader.heapBytes(table.page(page.page()).length());
        }
    }

    /** Keys of rows in their order, and whether there may be more whose pages are on their way. */
    public record Keys(List<byte[]> keys, boolean missing) {}

    /** One state. */
    public final class State {
        private final PagedState state;

        private State(PagedState state) {
            this.state = state;
        }

        /** Whether some extent is cold. */
        public boolean isCold() {
            return !state.map().allResident();
        }

        /** Notes that a row will be read. Nothing happens if it is at hand, or known not to be. */
        public void want(byte[] key) {
            ExtentMap map = state.map();
            int index = map.indexOf(key);
            if (map.isLocal(index) || isAtHand(map, index, key)) {
                return;
            }
            for (Run run : ColdReader.candidates(map.extent(index), key)) {
                withTable(run, table -> pageOf(run, table, key));
            }
        }

        /** Notes that the rows with a prefix will be read, or some of them. */
        public void wantPrefix(byte[] prefix) {
            PrefixPages.forEachRun(
                    state.map(),
                    prefix,
                    (run, from) ->
                            withTable(run, table -> PrefixPages.in(run, table, from, prefix)));
        }

        private boolean isAtHand(ExtentMap map, int extent, byte[] key) {
            try {
                return reader.local(state, map, extent, key, null) != null
                        || state.hotRows().get(key) != null;
            } catch (RocksDBException e) {
                throw Natives.failed(PagedRocksDB.where(state), "looking for a written row", e);
            }
        }

        /**
         * The keys of the live rows behind a key, as far as they are at hand; what misses is
         * fetched with the next {@link RowsAhead#fetch}.
         *
         * @param after that key, or a prefix of all
         * @param prefix that the keys begin with
         */
        public Keys keysAfter(byte[] after, byte[] prefix, int most) {
            List<byte[]> keys = new ArrayList<>();
            boolean missing = false;
            try (RocksIterator rows = reader.iteratorAtHand(state, atHand)) {
                rows.seek(Arrays.copyOf(after, after.length + 1));
                while (keys.size() < most && rows.isValid()) {
                    byte[] key = rows.key();
                    if (!PrefixPages.startsWith(key, prefix)) {
                        break;
                    }
                    keys.add(key);
                    rows.next();
                }
                rows.status();
            } catch (NotHere e) {
                missing = true;
            } catch (RocksDBException e) {
                throw Natives.failed(PagedRocksDB.where(state), "looking ahead", e);
            }
            if (loader.roomAhead() > wantedBytes) {
                for (PageId page : atHand.takeMissed()) {
                    RowsAhead.this.want(page, loader.indexes().pageTable(page.run()));
                }
            } else {
                atHand.takeMissed();
            }
            return new Keys(keys, missing);
        }
    }

    private interface Pages {
        List<PageId> in(PageTable table);
    }

    /** Wants the pages now, or fetches them once the page table has come. */
    private void withTable(Run run, Pages pages) {
        PageTable here = run.pageTable();
        if (here != null) {
            pages.in(here).forEach(page -> want(page, here));
        } else {
            loader.indexes()
                    .withPageTable(
                            run,
                            table -> {
                                if (loader.roomAhead() > 0) {
                                    fetch(pages.in(table));
                                }
                            });
        }
    }

    /** The page that may hold a key, unless the filter, which may have come since, says no. */
    private static List<PageId> pageOf(Run run, PageTable table, byte[] key) {
        int page = table.pageFor(key);
        KeyFilter filter = run.filter();
        return page >= 0 && (filter == null || filter.mightContain(key))
                ? List.of(new PageId(run, page))
                : List.of();
    }
}
