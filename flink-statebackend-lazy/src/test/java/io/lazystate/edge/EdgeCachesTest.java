package io.lazystate.edge;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.CapturedLog;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who shares a cache, and who gets which directory. */
class EdgeCachesTest {
    private static final long PLENTY = 1 << 20;

    @TempDir Path directory;

    private final EdgeCaches caches = new EdgeCaches();

    @Test
    void backendsShareACacheUntilTheLastOneGivesItBack() throws IOException {
        EdgeCaches.Lease first = caches.lease(directory, PLENTY);
        EdgeCaches.Lease second = caches.lease(directory.resolve("."), PLENTY);
        assertThat(first.cache()).isSameAs(second.cache());
        HeapStore store = new HeapStore();
        StoredObject object = store.put("object", 1_000, new Random(1));
        ObjectRange range = new ObjectRange(object, 0, 1_000);
        new EdgeReader(first.cache(), store, new LoadingMetrics())
                .read(range, LoadCause.DEMAND, store.check(range));
        first.close();
        first.close();
        assertThat(threads()).hasSize(1);
        second.close();
        assertThat(threads()).isEmpty();

        try (EdgeCaches.Lease third = caches.lease(directory, PLENTY)) {
            store.goAway();
            new EdgeReader(third.cache(), store, new LoadingMetrics())
                    .read(range, LoadCause.DEMAND, store.check(range));
        }
    }

    @Test
    void theLargestOfTheirBoundsCounts() throws IOException {
        try (EdgeCaches.Lease small = caches.lease(directory, 4096)) {
            caches.lease(directory, PLENTY).close();
            small.cache().offer(entry(0), new byte[8_000]);
        }
        assertThat(Files.exists(directory.resolve("slot-0").resolve(entry(0).path()))).isTrue();
    }

    /** Two class loaders each have classes of ours of their own. */
    @Test
    void twoOfOneProcessDoNotMeet() throws IOException {
        try (EdgeCaches.Lease mine = caches.lease(directory, PLENTY);
                EdgeCaches.Lease other = new EdgeCaches().lease(directory, PLENTY)) {
            assertThat(mine.cache().directory()).endsWith(Path.of("slot-0"));
            assertThat(other.cache().directory()).endsWith(Path.of("slot-1"));
        }
        try (EdgeCaches.Lease again = caches.lease(directory, PLENTY)) {
            assertThat(again.cache().directory()).endsWith(Path.of("slot-0"));
        }
    }

    @Test
    void anotherProcessKeepsItsSlot() throws Exception {
        Path slot = Files.createDirectories(directory.resolve("slot-0"));
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-cp",
                                System.getProperty("java.class.path"),
                                Locker.class.getName(),
                                slot.resolve("lock").toString())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        try {
            assertThat(process.getInputStream().read()).isEqualTo('L');
            try (EdgeCaches.Lease mine = caches.lease(directory, PLENTY)) {
                assertThat(mine.cache().directory()).endsWith(Path.of("slot-1"));
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
        try (EdgeCaches.Lease mine = caches.lease(directory, PLENTY)) {
            assertThat(mine.cache().directory()).as("it died").endsWith(Path.of("slot-0"));
        }
    }

    /** Holds a lock until it is killed. */
    static final class Locker {
        private Locker() {}

        public static void main(String[] args) throws Exception {
            try (FileChannel file =
                    FileChannel.open(
                            Path.of(args[0]),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE)) {
                System.out.print(file.tryLock() == null ? "-" : "L");
                System.out.flush();
                Thread.currentThread().join();
            }
        }
    }

    @Test
    void whoFindsNoSlotRunsWithoutAndTheLogSaysSoOnce() throws IOException {
        List<EdgeCaches.Lease> others = new ArrayList<>();
        for (int i = 0; i < EdgeSlot.SLOTS; i++) {
            others.add(new EdgeCaches().lease(directory, PLENTY));
        }
        List<String> warnings =
                CapturedLog.of(
                        Level.WARN,
                        () -> {
                            assertThat(caches.lease(directory, PLENTY)).isNull();
                            assertThat(caches.lease(directory, PLENTY)).isNull();
                        });
        assertThat(warnings).hasSize(1);
        for (EdgeCaches.Lease other : others) {
            other.close();
        }
        try (EdgeCaches.Lease mine = caches.lease(directory, PLENTY)) {
            assertThat(mine).isNotNull();
        }
    }

    @Test
    void aDirectoryThatCannotBeMadeIsDoneWithout() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        List<String> warnings =
                CapturedLog.of(Level.WARN, () -> assertThat(caches.lease(file, PLENTY)).isNull());
        assertThat(warnings).hasSize(1);
        assertThat(warnings.get(0)).contains(file.toString());
    }

    private static EdgeEntry entry(long offset) {
        return new EdgeEntry("0".repeat(32), offset, 8_000, false);
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("lazy-state-edge-cache"))
                .toList();
    }
}
