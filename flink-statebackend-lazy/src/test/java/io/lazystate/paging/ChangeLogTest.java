package io.lazystate.paging;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChangeLogTest {

    private static final int CHUNK_BYTES = 1024;

    /** With their headers and keys of 28 bytes, these fill a chunk. */
    private static final int KEYS_IN_A_CHUNK = CHUNK_BYTES / 32;

    @TempDir Path temporary;

    private final List<ChangeInterval> intervals = new ArrayList<>();

    @AfterEach
    void releaseAll() throws IOException {
        intervals.forEach(ChangeInterval::release);
        assertThat(files()).isEmpty();
    }

    @Test
    void keysComeOnceAndInUnsignedOrder() {
        try (ChangeLog log = newLog()) {
            for (String hex : List.of("80", "", "7f", "ff", "00", "7f00", "7f", "", "01ff", "80")) {
                log.add(HexFormat.of().parseHex(hex));
            }
            ChangeInterval interval = rotate(log);

            assertThat(hexKeys(interval))
                    .containsExactly("", "00", "01ff", "7f", "7f00", "80", "ff");
            assertThat(interval.keysAtMost()).isEqualTo(7);
        }
    }

    @Test
    void anIntervalWithoutChangesIsEmptyAndNeedsNoFile() throws IOException {
        try (ChangeLog log = newLog()) {
            log.add(key(1));
            rotate(log);
            ChangeInterval empty = rotate(log);

            assertThat(empty.isEmpty()).isTrue();
            assertThat(empty.keysAtMost()).isZero();
            assertThat(hexKeys(empty)).isEmpty();
            assertThat(hexKeys()).isEmpty();
            assertThat(files()).isEmpty();
        }
    }

    @Test
    void anIntervalHoldsWhatChangedSinceTheLastRotationOnly() {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval first = rotate(log);
            add(log, 50, 150);
            ChangeInterval second = rotate(log);

            assertThat(hexKeys(first)).isEqualTo(hexOf(0, 100));
            assertThat(hexKeys(second)).isEqualTo(hexOf(50, 150));
            assertThat(hexKeys(second, first)).isEqualTo(hexOf(0, 150));
        }
    }

    @Test
    void fullChunksGoToOneFileForEachInterval() throws IOException {
        try (ChangeLog log = newLog()) {
            add(log, 0, KEYS_IN_A_CHUNK);
            assertThat(files()).isEmpty();
            add(log, KEYS_IN_A_CHUNK, 10 * KEYS_IN_A_CHUNK);
            assertThat(files()).hasSize(1);
            ChangeInterval interval = rotate(log);
            assertThat(interval.keysAtMost()).isEqualTo(10 * KEYS_IN_A_CHUNK);
            assertThat(hexKeys(interval)).isEqualTo(hexOf(0, 10 * KEYS_IN_A_CHUNK));
            assertThat(files()).hasSize(1);
        }
    }

    @Test
    void aKeyMayBeLongerThanAChunk() {
        try (ChangeLog log = newLog()) {
            byte[] longest = new byte[200_000];
            log.add(longest);
            log.add(key(1));
            log.add(longest);
            longest[199_999] = 1;
            log.add(longest);
            ChangeInterval interval = rotate(log);

            List<String> found = hexKeys(interval);
            assertThat(found).hasSize(3);
            assertThat(found.get(0)).isEqualTo("00".repeat(200_000));
            assertThat(found.get(1)).isEqualTo("00".repeat(199_999) + "01");
            assertThat(found.get(2)).isEqualTo(hexOf(1, 2).get(0));
        }
    }

    @Test
    void abortedCheckpointsDoNotPileUpOnTheHeap() throws IOException {
        try (ChangeLog log = newLog()) {
            for (int checkpoint = 0; checkpoint < 10; checkpoint++) {
                add(log, checkpoint * 10, checkpoint * 10 + KEYS_IN_A_CHUNK);
                rotate(log);
            }
            // Two stay on the heap as they are; of those, one must leave it when sorted.
            assertThat(files()).hasSize(8);
            assertThat(hexKeys(intervals.toArray(ChangeInterval[]::new)))
                    .isEqualTo(hexOf(0, 90 + KEYS_IN_A_CHUNK));
            assertThat(files()).hasSize(9);
        }
    }

    @Test
    void intervalsThatWaitHoldNoFileDescriptor() throws IOException {
        Path descriptors = Path.of("/proc/self/fd");
        assumeTrue(Files.isDirectory(descriptors));
        try (ChangeLog log = newLog()) {
            for (int checkpoint = 0; checkpoint < 10; checkpoint++) {
                add(log, 0, 100);
                rotate(log);
            }
            assertThat(openFiles(descriptors)).isZero();
            ChangedKeys keys = ChangedKeys.merge(intervals);
            assertThat(openFiles(descriptors)).isEqualTo(10);
            keys.close();
            assertThat(openFiles(descriptors)).isZero();
            assertThat(hexKeys(intervals.toArray(ChangeInterval[]::new))).isEqualTo(hexOf(0, 100));
        }
    }

    @Test
    void checkpointsThatCompleteOneByOneTouchNoDisk() throws IOException {
        try (ChangeLog log = newLog()) {
            for (int checkpoint = 0; checkpoint < 10; checkpoint++) {
                add(log, 0, KEYS_IN_A_CHUNK);
                ChangeInterval interval = log.rotate();
                assertThat(hexKeys(interval)).isEqualTo(hexOf(0, KEYS_IN_A_CHUNK));
                interval.release();
                assertThat(files()).isEmpty();
            }
        }
    }

    @Test
    void anIntervalOutlivesItsLog() {
        ChangeLog log = newLog();
        add(log, 0, 100);
        ChangeInterval interval = rotate(log);
        add(log, 100, 200);
        log.close();
        log.close();

        assertThat(hexKeys(interval)).isEqualTo(hexOf(0, 100));
        assertThatThrownBy(() -> log.add(key(1))).satisfies(kind(Kind.CLOSED));
        assertThatThrownBy(() -> log.add(key(1), 0, 1)).satisfies(kind(Kind.CLOSED));
        assertThatThrownBy(log::rotate).satisfies(kind(Kind.CLOSED));
    }

    @Test
    void theLastReleaseDeletesTheFile() throws IOException {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval interval = log.rotate().retain();
            interval.release();
            ChangedKeys keys = ChangedKeys.merge(List.of(interval));
            interval.release();
            // The reader has a reference of its own.
            assertThat(files()).hasSize(1);
            assertThat(hexRest(keys)).isEqualTo(hexOf(0, 100));
            keys.close();
            keys.close();
            assertThat(keys.advance()).isFalse();
            assertThat(files()).isEmpty();
            assertThatThrownBy(interval::retain).satisfies(kind(Kind.CLOSED));
            assertThatThrownBy(interval::release).satisfies(kind(Kind.INTERNAL));
        }
    }

    @Test
    void aFailedMergeKeepsNoReference() throws IOException {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval good = log.rotate();
            ChangeInterval released = log.rotate();
            released.release();

            assertThatThrownBy(() -> ChangedKeys.merge(List.of(good, released)))
                    .satisfies(kind(Kind.CLOSED));
            assertThat(files()).hasSize(1);
            good.release();
            assertThat(files()).isEmpty();
        }
    }

    @Test
    void anInterruptEndsTheMergeAndLosesNothing() {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval interval = rotate(log);
            Thread.currentThread().interrupt();
            try {
                assertThatThrownBy(() -> ChangedKeys.merge(List.of(interval)))
                        .satisfies(kind(Kind.CLOSED));
            } finally {
                assertThat(Thread.interrupted()).isTrue();
            }
            assertThat(hexKeys(interval)).isEqualTo(hexOf(0, 100));
        }
    }

    @Test
    void aDiskErrorNamesTheDirectoryAndCanBeRepaired() throws IOException {
        Path directory = temporary.resolve("spill");
        Files.writeString(directory, "in the way");
        try (ChangeLog log = new ChangeLog(directory, CHUNK_BYTES)) {
            add(log, 0, KEYS_IN_A_CHUNK);
            assertThatThrownBy(() -> log.add(key(KEYS_IN_A_CHUNK)))
                    .satisfies(kind(Kind.UNAVAILABLE))
                    .hasMessageContaining(directory.toString())
                    .hasMessageContaining("disk full?");
            Files.delete(directory);
            add(log, KEYS_IN_A_CHUNK, 100);
            ChangeInterval interval = log.rotate();
            assertThat(hexKeys(interval)).isEqualTo(hexOf(0, 100));
            interval.release();
        }
        Files.delete(directory);
    }

    @Test
    void damageToTheFileIsFoundBeforeSorting() throws IOException {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval interval = rotate(log);
            flipByte(files().get(0), 100);
            assertThatThrownBy(() -> ChangedKeys.merge(List.of(interval)))
                    .satisfies(kind(Kind.CORRUPT))
                    .hasMessageContaining(files().get(0).toString());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 10, CHUNK_BYTES - 1})
    void damageToTheSortedFileIsFoundBeforeTheEnd(int position) throws IOException {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval interval = rotate(log);
            hexKeys(interval);
            flipByte(files().get(0), position);
            assertThatThrownBy(() -> hexKeys(interval)).satisfies(kind(Kind.CORRUPT));
        }
    }

    @Test
    void aFileCutShortIsCorrupt() throws IOException {
        try (ChangeLog log = newLog()) {
            add(log, 0, 100);
            ChangeInterval interval = rotate(log);
            try (RandomAccessFile file = new RandomAccessFile(files().get(0).toFile(), "rw")) {
                file.setLength(100);
            }
            assertThatThrownBy(() -> hexKeys(interval)).satisfies(kind(Kind.CORRUPT));
        }
    }

    @Test
    void argumentsAreChecked() {
        assertThatThrownBy(() -> new ChangeLog(temporary, 63)).satisfies(kind(Kind.INVALID));
        assertThatThrownBy(() -> new ChangeLog(temporary, 1 << 27)).satisfies(kind(Kind.INVALID));
        try (ChangeLog log = newLog()) {
            assertThatThrownBy(() -> log.add(new byte[3], 1, 3))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            ChangedKeys none = ChangedKeys.merge(List.of());
            assertThatThrownBy(none::key).isInstanceOf(IllegalStateException.class);
        }
    }

    static Consumer<Throwable> kind(Kind kind) {
        return thrown ->
                assertThat(thrown)
                        .isInstanceOfSatisfying(
                                LazyStateException.class,
                                e -> assertThat(e.kind()).isEqualTo(kind));
    }

    private ChangeLog newLog() {
        return new ChangeLog(temporary, CHUNK_BYTES);
    }

    private ChangeInterval rotate(ChangeLog log) {
        ChangeInterval interval = log.rotate();
        intervals.add(interval);
        return interval;
    }

    /** Backwards, so that sorting has something to do. */
    private static void add(ChangeLog log, int from, int to) {
        for (int number = to - 1; number >= from; number--) {
            log.add(key(number));
        }
    }

    private static byte[] key(int number) {
        return String.format("a common prefix %012d", number).getBytes(UTF_8);
    }

    private static List<String> hexOf(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(number -> HexFormat.of().formatHex(key(number)))
                .toList();
    }

    private static List<String> hexKeys(ChangeInterval... some) {
        try (ChangedKeys keys = ChangedKeys.merge(List.of(some))) {
            return hexRest(keys);
        }
    }

    private static List<String> hexRest(ChangedKeys keys) {
        List<String> found = new ArrayList<>();
        while (keys.advance()) {
            found.add(HexFormat.of().formatHex(keys.key()));
        }
        return found;
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(temporary)) {
            return files.toList();
        }
    }

    private long openFiles(Path descriptors) throws IOException {
        long count = 0;
        try (DirectoryStream<Path> links = Files.newDirectoryStream(descriptors)) {
            for (Path link : links) {
                // The one of this very listing is gone when it is looked at.
                count +=
                        Files.isSymbolicLink(link)
                                        && Files.readSymbolicLink(link).startsWith(temporary)
                                ? 1
                                : 0;
            }
        }
        return count;
    }

    private static void flipByte(Path path, int position) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.seek(position);
            int old = file.read();
            file.seek(position);
            file.write(old ^ 0x10);
        }
    }
}
