package io.lazystate.paging;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import io.lazystate.loading.Hydrator;
import io.lazystate.paging.Moments.Moment;
import java.util.Random;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.config.Configurator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.rocksdb.RocksDB;

/**
 * Random calls of the database against {@code TreeMap}s, where Flink's states make none: batches
 * with merges, reads through snapshots, dropped and restored column families, odd keys, evictions.
 *
 * <p>Once from one thread, which a seed repeats step by step, and once from several, in the order
 * of a {@link io.lazystate.Schedule}, which a seed repeats as far as it can: try it some times.
 */
class PagedRocksDBFuzz {
    private static final int STEPS = 300;
    private static final int FIXED = 10;

    /** How long calls of several threads are made at least, until they have met everywhere. */
    private static final long FEWEST_CONCURRENT_SECONDS = 20;

    private static final int MOST_UNTIL_ALL_MET = 300;

    /** Found once: a snapshot of rows that were linked before anything was written. */
    private static final long[] FOUND = {-1446353004116930317L};

    @BeforeEach
    void doNotTellWhatTheTestRefuses() {
        Configurator.setLevel(Hydrator.class.getName(), Level.OFF);
    }

    @AfterEach
    void tellIt() {
        Configurator.setLevel(Hydrator.class.getName(), Level.WARN);
    }

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

    @Test
    void everyThreadSeesWhatAnOrdinaryDatabaseWouldShow() throws Exception {
        RocksDB.loadLibrary();
        String given = System.getProperty("fuzz.seed", "");
        Moments moments = new Moments();
        if (!given.isEmpty()) {
            runConcurrently(Long.parseLong(given), moments);
            return;
        }
        long seconds = Math.max(FEWEST_CONCURRENT_SECONDS, Long.getLong("fuzz.seconds", 0L));
        long deadline = System.nanoTime() + SECONDS.toNanos(seconds);
        Random seeds = new Random();
        int runs = 0;
        while (System.nanoTime() < deadline || !moments.isFull() && runs < MOST_UNTIL_ALL_MET) {
            runConcurrently(seeds.nextLong(), moments);
            runs++;
        }
        System.out.println("PagedRocksDBFuzz: " + runs + " schedules, " + moments);
        for (Moment moment : Moment.values()) {
            assertThat(moments.of(moment)).as(moment.name()).isPositive();
        }
    }

    private static void runConcurrently(long seed, Moments moments) throws Exception {
        String log = "";
        try (ScratchDirectory directory = new ScratchDirectory("paged");
                ConcurrentCalls calls = new ConcurrentCalls(seed, directory.path(), moments)) {
            try {
                for (int i = 0; i < STEPS; i++) {
                    calls.step();
                }
                calls.end();
            } finally {
                log = calls.log();
            }
        } catch (Throwable e) {
            throw new AssertionError(
                    "replay with -Dfuzz.seed=" + seed + "; the task's last steps were:\n" + log, e);
        }
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
