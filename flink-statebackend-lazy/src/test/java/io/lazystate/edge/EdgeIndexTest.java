package io.lazystate.edge;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What stays in a cache that is full. */
class EdgeIndexTest {
    private static final int BLOCK = 4096;

    @Test
    void readingEverythingOnceLeavesThePagesThatAreInUse() {
        EdgeIndex index = index(100);
        List<EdgeEntry> used = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            used.add(page("used", i));
            add(index, page("used", i));
            assertThat(index.find(page("used", i))).isNotNull();
        }
        for (int i = 0; i < 1_000; i++) {
            add(index, page("scan", i));
            add(index, bulk("tables", i, 4));
        }
        assertThat(used).allMatch(entry -> index.find(entry) != null);
        assertThat(index.bytes()).isLessThanOrEqualTo(100 * BLOCK);
    }

    @Test
    void bulkLeavesBeforeAnyPage() {
        EdgeIndex index = index(100);
        for (int i = 0; i < 25; i++) {
            add(index, bulk("tables", i, 4));
        }
        for (int i = 0; i < 100; i++) {
            add(index, page("pages", i));
        }
        for (int i = 0; i < 100; i++) {
            assertThat(index.find(page("pages", i))).isNotNull();
        }
        assertThat(index.makeRoom(bulk("tables", 0, 4))).as("pages stay").isNull();
        assertThat(index.bytes()).isEqualTo(100 * BLOCK);
    }

    /** With the least recently used leaving there would be no hit at all. */
    @Test
    void ofTablesThatDoNotFitARestartFindsAPart() {
        EdgeIndex index = index(100);
        int hits = 0;
        for (int restart = 0; restart < 20; restart++) {
            for (int i = 0; i < 120; i++) {
                if (index.find(bulk("tables", i, 1)) != null) {
                    hits++;
                } else {
                    add(index, bulk("tables", i, 1));
                }
            }
        }
        System.out.println("EdgeIndexTest: " + hits + " hits of " + 19 * 120 + " reads");
        assertThat(hits).isGreaterThan(19 * 120 / 2);
    }

    @Test
    void whatIsLargerThanTheCacheIsNotTakenIn() {
        EdgeIndex index = index(10);
        add(index, page("pages", 0));
        assertThat(index.makeRoom(bulk("tables", 0, 11))).isNull();
        assertThat(index.find(page("pages", 0))).isNotNull();
        index.raise(12 * BLOCK);
        assertThat(index.makeRoom(bulk("tables", 0, 11))).isEmpty();
    }

    @Test
    void aLongerRangeTakesThePlaceOfAShorterOne() {
        EdgeIndex index = index(10);
        EdgeEntry shorter = new EdgeEntry("f", 0, 10, false);
        EdgeEntry longer = new EdgeEntry("f", 0, 20, false);
        add(index, shorter);
        assertThat(index.makeRoom(longer)).containsExactly(shorter);
        assertThat(index.makeRoom(longer)).as("on its way").isNull();
        index.arrived(longer);
        assertThat(index.makeRoom(shorter)).as("covered").isNull();
        assertThat(index.find(shorter).entry()).isEqualTo(longer);
        assertThat(index.find(new EdgeEntry("f", 15, 6, false))).isNull();
        assertThat(index.bytes()).isEqualTo(BLOCK);
    }

    @Test
    void randomCallsAgreeWithAModel() {
        String given = System.getProperty("fuzz.seed", "");
        if (!given.isEmpty()) {
            run(Long.parseLong(given));
            return;
        }
        long deadline = System.nanoTime() + SECONDS.toNanos(Long.getLong("fuzz.seconds", 3L));
        Random seeds = new Random();
        do {
            long seed = seeds.nextLong();
            try {
                run(seed);
            } catch (Throwable e) {
                throw new AssertionError("replay with -Dfuzz.seed=" + seed, e);
            }
        } while (System.nanoTime() < deadline);
    }

    /** The model is a set of entries, of which the index says which have left. */
    private static void run(long seed) {
        Random random = new Random(seed);
        long maxBytes = (long) BLOCK * (1 + random.nextInt(30));
        EdgeIndex index = new EdgeIndex(maxBytes, random::nextInt);
        Set<EdgeEntry> there = new HashSet<>();
        Set<EdgeEntry> coming = new HashSet<>();
        for (int step = 0; step < 300; step++) {
            EdgeEntry entry =
                    new EdgeEntry(
                            "f" + random.nextInt(3),
                            1_000L * random.nextInt(20),
                            1 + random.nextInt(8_000),
                            random.nextInt(3) == 0);
            switch (random.nextInt(5)) {
                case 0, 1 -> {
                    List<EdgeEntry> gone = index.makeRoom(entry);
                    if (gone != null) {
                        assertThat(there).containsAll(gone);
                        gone.forEach(there::remove);
                        coming.add(entry);
                    }
                }
                case 2 -> {
                    for (EdgeEntry next : coming) {
                        if (random.nextInt(4) > 0) {
                            index.arrived(next);
                            there.add(next);
                        } else {
                            index.failed(next);
                        }
                    }
                    coming.clear();
                }
                case 3 -> {
                    EdgeIndex.Found found = index.find(entry);
                    if (found != null) {
                        assertThat(there).contains(found.entry());
                        assertThat(found.entry().covers(entry)).isTrue();
                    } else {
                        assertThat(there).doesNotContain(entry);
                    }
                }
                default -> assertThat(index.remove(entry)).isEqualTo(there.remove(entry));
            }
            long bytes =
                    there.stream().mapToLong(EdgeEntry::diskBytes).sum()
                            + coming.stream().mapToLong(EdgeEntry::diskBytes).sum();
            assertThat(index.bytes()).isEqualTo(bytes).isLessThanOrEqualTo(maxBytes);
        }
        coming.forEach(index::failed);
        for (EdgeEntry entry : there) {
            assertThat(index.find(entry)).isNotNull();
            assertThat(index.remove(entry)).isTrue();
        }
        assertThat(index.bytes()).isZero();
    }

    private static EdgeIndex index(int blocks) {
        return new EdgeIndex((long) blocks * BLOCK, new Random(1)::nextInt);
    }

    private static void add(EdgeIndex index, EdgeEntry entry) {
        if (index.makeRoom(entry) != null) {
            index.arrived(entry);
        }
    }

    private static EdgeEntry page(String file, int number) {
        return new EdgeEntry(file, (long) number * BLOCK, BLOCK, false);
    }

    private static EdgeEntry bulk(String file, int number, int blocks) {
        return new EdgeEntry(file, (long) number * blocks * BLOCK, (long) blocks * BLOCK, true);
    }
}
