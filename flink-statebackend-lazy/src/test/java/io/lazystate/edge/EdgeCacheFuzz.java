package io.lazystate.edge;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Random reads by several threads over caches of all sizes, restarts, and damage to the files:
 * every read gives what was written, the files stay within the bound, and what a large cache has it
 * gives.
 */
class EdgeCacheFuzz {
    private static final int OBJECTS = 3;
    private static final int OBJECT_BYTES = 60_000;
    private static final int READERS = 3;

    private long hits;
    private long damaged;

    @Test
    void everyReadGivesWhatWasWritten() throws Exception {
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
        assertThat(hits).isPositive();
        assertThat(damaged).isPositive();
    }

    private void run(long seed) throws Exception {
        Random random = new Random(seed);
        HeapStore store = new HeapStore();
        List<StoredObject> objects = new ArrayList<>();
        for (int i = 0; i < OBJECTS; i++) {
            objects.add(store.put("object" + i, OBJECT_BYTES, random));
        }
        long maxBytes = 4096L << random.nextInt(9);
        boolean large = maxBytes > OBJECTS * OBJECT_BYTES * 4L;
        try (ScratchDirectory scratch = new ScratchDirectory("edge")) {
            Path directory = scratch.path().resolve("cache");
            Path local = Files.createDirectory(scratch.path().resolve("local"));
            for (int restart = 0; restart < 3; restart++) {
                LoadingMetrics metrics = new LoadingMetrics();
                try (EdgeCache cache = EdgeCache.open(directory, maxBytes)) {
                    EdgeReader reader = new EdgeReader(cache, store, metrics);
                    List<CompletableFuture<Void>> readers = new ArrayList<>();
                    for (int i = 0; i < READERS; i++) {
                        Random own = new Random(random.nextLong());
                        readers.add(
                                CompletableFuture.runAsync(
                                        () -> read(reader, store, objects, local, own)));
                    }
                    for (int i = random.nextInt(3); i > 0; i--) {
                        deleteOne(directory, random);
                    }
                    readers.forEach(CompletableFuture::join);
                }
                assertThat(diskBytes(directory)).isLessThanOrEqualTo(maxBytes);
                hits += metrics.edgeHits().sum();
                damaged += metrics.edgeDamaged().sum();
                if (large) {
                    readAll(directory, store, objects, maxBytes);
                }
                damage(directory, random);
            }
        }
    }

    private static void read(
            EdgeReader reader,
            HeapStore store,
            List<StoredObject> objects,
            Path local,
            Random random) {
        try {
            for (int i = 0; i < 20; i++) {
                StoredObject object = objects.get(random.nextInt(objects.size()));
                long offset = 5_000L * random.nextInt(11);
                int length = random.nextBoolean() ? 5_000 : 1 + random.nextInt(9_000);
                ObjectRange range =
                        new ObjectRange(object, offset, Math.min(length, OBJECT_BYTES - offset));
                LoadCause cause = LoadCause.values()[random.nextInt(LoadCause.values().length)];
                byte[] expected = store.bytes(range);
                if (random.nextInt(3) > 0) {
                    assertThat(reader.read(range, cause, store.check(range))).isEqualTo(expected);
                } else {
                    Path target = local.resolve("file-" + random.nextLong());
                    reader.download(range, HeapStore.crc32c(expected), cause, target);
                    assertThat(Files.readAllBytes(target)).isEqualTo(expected);
                    if (random.nextBoolean()) {
                        Files.delete(target);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What was read once is not asked for again. */
    private static void readAll(
            Path directory, HeapStore store, List<StoredObject> objects, long maxBytes)
            throws IOException {
        for (int round = 0; round < 2; round++) {
            int before = store.requests();
            try (EdgeCache cache = EdgeCache.open(directory, maxBytes)) {
                EdgeReader reader = new EdgeReader(cache, store, new LoadingMetrics());
                for (StoredObject object : objects) {
                    ObjectRange range = new ObjectRange(object, 0, OBJECT_BYTES);
                    reader.read(range, LoadCause.DEMAND, store.check(range));
                }
            }
            assertThat(store.requests() - before).isLessThanOrEqualTo(round == 0 ? OBJECTS : 0);
        }
    }

    private static void deleteOne(Path directory, Random random) throws IOException {
        List<Path> files = files(directory);
        if (!files.isEmpty()) {
            Files.deleteIfExists(files.get(random.nextInt(files.size())));
        }
    }

    /** While nobody uses them. */
    private static void damage(Path directory, Random random) throws IOException {
        List<Path> files = files(directory);
        if (files.isEmpty()) {
            return;
        }
        Path file = files.get(random.nextInt(files.size()));
        switch (random.nextInt(4)) {
            case 0 -> Files.deleteIfExists(file);
            case 1 -> Files.write(file.resolveSibling("stranger"), new byte[10]);
            case 2 -> change(file, bytes -> bytes.setLength(bytes.length() / 2));
            default ->
                    change(
                            file,
                            bytes -> {
                                bytes.seek(bytes.length() / 2);
                                int was = bytes.read();
                                bytes.seek(bytes.length() / 2);
                                bytes.write(was ^ 1);
                            });
        }
    }

    private interface Change {
        void to(RandomAccessFile file) throws IOException;
    }

    /** A copy takes the file's place: others have the old one, as the linked file of a database. */
    private static void change(Path file, Change change) throws IOException {
        Path copy = file.resolveSibling("changed");
        Files.copy(file, copy);
        try (RandomAccessFile bytes = new RandomAccessFile(copy.toFile(), "rw")) {
            change.to(bytes);
        }
        Files.move(copy, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private static long diskBytes(Path directory) throws IOException {
        long bytes = 0;
        for (Path file : files(directory)) {
            bytes += (Files.size(file) + 4095) / 4096 * 4096;
        }
        return bytes;
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> EdgeEntry.parse(file.getFileName().toString()) != null)
                    .toList();
        } catch (UncheckedIOException e) {
            return List.of(); // a file left while it was listed
        }
    }
}
