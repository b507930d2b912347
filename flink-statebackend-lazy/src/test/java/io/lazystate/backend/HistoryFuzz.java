package io.lazystate.backend;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import io.lazystate.backend.Coverage.Event;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Random histories of whole jobs against a model: nothing is lost, nothing comes back, and what a
 * checkpoint needs is there.
 *
 * <p>Fixed histories first, until they have come to all the places that matter, then others whose
 * seeds are printed: a minute of them, or as long as {@code -Dfuzz.seconds=} says. {@code
 * -Dfuzz.seed=} replays one.
 */
class HistoryFuzz {
    private static final int STEPS = 200;
    private static final long FEWEST_SECONDS = 60;
    private static final int FEWEST_FIXED = 6;
    private static final int MOST_FIXED = 40;

    @Test
    void noHistoryLosesOrInventsState() throws Exception {
        String given = System.getProperty("fuzz.seed", "");
        if (!given.isEmpty()) {
            run(Long.parseLong(given), new Coverage());
            return;
        }
        long seconds = Math.max(FEWEST_SECONDS, Long.getLong("fuzz.seconds", 0L));
        long deadline = System.nanoTime() + SECONDS.toNanos(seconds);
        Coverage coverage = new Coverage();
        for (long seed = 1;
                seed <= FEWEST_FIXED || seed <= MOST_FIXED && !coverage.isFull();
                seed++) {
            run(seed, coverage);
        }
        System.out.println("HistoryFuzz: " + coverage);
        for (Event event : Event.values()) {
            assertThat(coverage.of(event)).as(event.name()).isPositive();
        }
        Random seeds = new Random();
        do {
            long seed = seeds.nextLong();
            System.out.println("HistoryFuzz: -Dfuzz.seed=" + seed);
            run(seed, new Coverage());
        } while (System.nanoTime() < deadline);
    }

    private static void run(long seed, Coverage coverage) throws Exception {
        StepLog log = new StepLog();
        try (ScratchDirectory directory = new ScratchDirectory("history");
                History history = new History(seed, directory.path(), coverage, log)) {
            history.run(STEPS);
        } catch (Throwable e) {
            throw new AssertionError(
                    "replay with -Dfuzz.seed=" + seed + "; the last steps were:\n" + log, e);
        }
    }
}
