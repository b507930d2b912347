package io.lazystate.paging;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random adds, rotations, merges and releases against {@link TreeSet}s. */
class ChangeLogFuzz {

    private static final byte[] ALPHABET = {0, 1, 'a', 0x7f, (byte) 0x80, (byte) 0xff};

    @TempDir Path directory;

    /** An interval with what must be in it; owns one reference. */
    private record Expected(ChangeInterval interval, TreeSet<byte[]> keys) {}

    @Test
    void changesAreNeitherLostNorInvented() throws Exception {
        String given = System.getProperty("fuzz.seed", "");
        if (!given.isEmpty()) {
            run(Long.parseLong(given));
            return;
        }
        long deadline = System.nanoTime() + SECONDS.toNanos(Long.getLong("fuzz.seconds", 5L));
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

    private void run(long seed) throws IOException {
        Random random = new Random(seed);
        int chunkBytes = 64 << random.nextInt(8);
        ChangeLog log = new ChangeLog(directory, chunkBytes + random.nextInt(chunkBytes));
        TreeSet<byte[]> active = new TreeSet<>(Arrays::compareUnsigned);
        List<Expected> ended = new ArrayList<>();
        for (int step = random.nextInt(40); step >= 0; step--) {
            switch (random.nextInt(6)) {
                case 0 -> {
                    ended.add(new Expected(log.rotate(), active));
                    active = new TreeSet<>(Arrays::compareUnsigned);
                }
                case 1 -> check(some(ended, random), random);
                case 2 -> checkConcurrently(some(ended, random), seed);
                case 3 -> releaseOne(ended, random);
                default -> add(log, active, chunkBytes, random);
            }
        }
        if (random.nextBoolean()) {
            log.close();
        }
        check(ended, random);
        while (!ended.isEmpty()) {
            releaseOne(ended, random);
        }
        log.close();
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    private static void add(ChangeLog log, TreeSet<byte[]> model, int chunkBytes, Random random) {
        int kind = random.nextInt(6);
        int count = kind == 0 ? 1 : random.nextInt(400);
        for (int i = 0; i < count; i++) {
            byte[] key =
                    switch (kind) {
                        case 0 -> randomBytes(random, chunkBytes + random.nextInt(200));
                        case 1 -> fromAlphabet(random, random.nextInt(5));
                        case 2 -> fromAlphabet(random, 40);
                        case 3 -> withCommonPrefix(random.nextInt(500));
                        case 4 -> new byte[i % 100];
                        default -> randomBytes(random, random.nextInt(60));
                    };
            model.add(key.clone());
            if (random.nextBoolean()) {
                log.add(key);
            } else {
                byte[] padded = new byte[key.length + 7];
                System.arraycopy(key, 0, padded, 3, key.length);
                log.add(padded, 3, key.length);
                key = padded;
            }
            // The log must have copied it.
            random.nextBytes(key);
        }
    }

    private static byte[] randomBytes(Random random, int length) {
        byte[] key = new byte[length];
        random.nextBytes(key);
        return key;
    }

    private static byte[] fromAlphabet(Random random, int length) {
        byte[] key = new byte[length];
        for (int i = 0; i < length; i++) {
            key[i] = ALPHABET[random.nextInt(ALPHABET.length)];
        }
        return key;
    }

    private static byte[] withCommonPrefix(int number) {
        byte[] key = new byte[42];
        key[1] = 7;
        key[40] = (byte) (number >>> 8);
        key[41] = (byte) number;
        return key;
    }

    private static List<Expected> some(List<Expected> ended, Random random) {
        List<Expected> some = new ArrayList<>(ended);
        some.removeIf(e -> random.nextInt(3) == 0);
        Collections.shuffle(some, random);
        return some;
    }

    private static void check(List<Expected> some, Random random) {
        List<byte[]> expected = union(some);
        // Some readers stop early.
        int limit = random.nextInt(3) == 0 ? random.nextInt(expected.size() + 1) : -1;
        List<byte[]> found = new ArrayList<>();
        try (ChangedKeys keys = ChangedKeys.merge(intervals(some))) {
            while (found.size() != limit && keys.advance()) {
                found.add(keys.key());
            }
        }
        List<byte[]> wanted = limit < 0 ? expected : expected.subList(0, limit);
        assertThat(found.toArray(byte[][]::new)).isDeepEqualTo(wanted.toArray(byte[][]::new));
        for (Expected e : some) {
            assertThat(e.interval.isEmpty()).isEqualTo(e.keys.isEmpty());
            assertThat(e.interval.keysAtMost()).isGreaterThanOrEqualTo(e.keys.size());
        }
    }

    /** As two checkpoint attempts would do. */
    private static void checkConcurrently(List<Expected> some, long seed) {
        CompletableFuture<Void> other =
                CompletableFuture.runAsync(() -> check(some, new Random(seed)));
        check(some, new Random(seed));
        other.join();
    }

    private static void releaseOne(List<Expected> ended, Random random) {
        if (ended.isEmpty()) {
            return;
        }
        Expected gone = ended.remove(random.nextInt(ended.size()));
        if (random.nextInt(4) == 0) {
            gone.interval.retain();
            gone.interval.release();
            check(List.of(gone), random);
        }
        gone.interval.release();
    }

    private static List<byte[]> union(List<Expected> some) {
        TreeSet<byte[]> union = new TreeSet<>(Arrays::compareUnsigned);
        some.forEach(e -> union.addAll(e.keys));
        return new ArrayList<>(union);
    }

    private static List<ChangeInterval> intervals(List<Expected> some) {
        return some.stream().map(Expected::interval).toList();
    }
}
