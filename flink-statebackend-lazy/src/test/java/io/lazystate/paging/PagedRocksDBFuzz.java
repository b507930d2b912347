package io.lazystate.paging;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.lazystate.ScratchDirectory;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.rocksdb.RocksDB;

/**
 * Random calls of the database against {@code TreeMap}s, where Flink's states make none: batches
 * with merges, reads through snapshots, dropped and restored column families, odd keys, evictions.
 */
class PagedRocksDBFuzz {
    private static final int STEPS = 300;
    private static final int FIXED = 10;

    /** Found once: a snapshot of rows that were linked before anything was written. */
    private static final long[] FOUND = {-1446353004116930317L};

    @Test
    void everyCallShowsWhatAnOrdinaryDatabaseWould() throws Exception {
        RocksDB.loadLibrary();
        String given = System.getProperty("fuzz.seed", "");
        if (!given.isEmpty()) {
            run(Long.parseLong(given), false);
            run(Long.parseLong(given), true);
            return;
        }
        long deadline = System.nanoTime() + SECONDS.toNanos(Long.getLong("fuzz.seconds", 5L));
        for (long seed : FOUND) {
            run(seed, false);
        }
        for (long seed = 1; seed <= FIXED; seed++) {
            run(seed, false);
            run(seed, true);
        }
        Random seeds = new Random();
        do {
            run(seeds.nextLong(), seeds.nextBoolean());
        } while (System.nanoTime() < deadline);
    }

    private static void run(long seed, boolean evicts) throws Exception {
        try (ScratchDirectory directory = new ScratchDirectory("paged");
                PagedCalls calls = new PagedCalls(seed, directory.path(), evicts)) {
            for (int i = 0; i < STEPS; i++) {
                calls.step();
            }
            calls.checkAll();
        } catch (Throwable e) {
            throw new AssertionError("replay with -Dfuzz.seed=" + seed, e);
        }
    }
}
