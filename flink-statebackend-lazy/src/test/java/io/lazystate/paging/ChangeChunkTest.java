package io.lazystate.paging;

import static io.lazystate.paging.ChangeLogTest.kind;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a chunk when the disk fails, and how the heap is counted. */
class ChangeChunkTest {

    private static final int KEYS = 100;

    @TempDir Path directory;

    private final KeyArena arena = new KeyArena(4096);
    private SpillSpace space;
    private FailingFile file;

    @BeforeEach
    void fillArena() {
        space = new SpillSpace(directory, 1024);
        file = new FailingFile(directory.resolve("file"));
        for (int i = KEYS - 1; i >= 0; i--) {
            assertThat(arena.add(new byte[] {7, (byte) i}, 0, 2)).isTrue();
        }
    }

    @Test
    void aFailedSortInTheFileLosesNothing() {
        ChangeChunk chunk = ChangeChunk.spill(space, file, arena.bytes(), arena.usedBytes(), KEYS);
        space.hold(10_000);
        for (int attempt = 0; attempt < 3; attempt++) {
            file.failNext = true;
            assertThatThrownBy(() -> chunk.sort(new KeySorter())).satisfies(kind(Kind.UNAVAILABLE));
            // Only one copy, however often it fails.
            assertThat(space.heldBytes()).isEqualTo(10_000 + arena.usedBytes());
        }
        chunk.sort(new KeySorter());
        assertSorted(chunk);
        assertThat(space.heldBytes()).isEqualTo(10_000);
        file.delete();
    }

    @Test
    void aFailedMoveToTheFileLosesNothing() {
        space.hold(10_000);
        ChangeChunk chunk = onHeap();
        file.failNext = true;
        assertThatThrownBy(() -> chunk.sort(new KeySorter())).satisfies(kind(Kind.UNAVAILABLE));
        assertThat(space.heldBytes()).isEqualTo(10_000 + arena.bytes().length);
        chunk.sort(new KeySorter());
        assertThat(space.heldBytes()).isEqualTo(10_000);
        assertSorted(chunk);
        file.delete();
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aSortedChunkOnTheHeapHoldsNoMoreThanItsKeys() {
        ChangeChunk chunk = onHeap();
        space.hold(-3500);
        chunk.sort(new KeySorter());
        assertThat(space.heldBytes()).isEqualTo(arena.usedBytes() - 3500);
        assertSorted(chunk);
        chunk.release();
        assertThat(space.heldBytes()).isEqualTo(-3500);
    }

    @Test
    void aFullDiskIsUnavailable() {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.isWritable(full));
        SpillFile onFullDisk = new SpillFile(full);
        assertThatThrownBy(() -> onFullDisk.append(new byte[100], 100))
                .satisfies(kind(Kind.UNAVAILABLE))
                .hasMessageContaining("No space left")
                .hasMessageContaining("Free space in /dev");
    }

    @Test
    void aDeletedFileDoesNotComeBack() {
        file.append(new byte[100], 100);
        file.delete();
        file.delete();
        assertThatThrownBy(() -> file.append(new byte[100], 100)).satisfies(kind(Kind.CLOSED));
        assertThat(directory).isEmptyDirectory();
    }

    private ChangeChunk onHeap() {
        byte[] bytes = arena.bytes().clone();
        return new ChangeChunk(space, file, bytes, arena.usedBytes(), KEYS);
    }

    private static void assertSorted(ChangeChunk chunk) {
        // A buffer that holds neither a whole number of keys nor a whole one.
        for (int bufferBytes : new int[] {1000, 7, 1}) {
            ChunkCursor cursor = chunk.cursor(bufferBytes);
            for (int i = 0; i < KEYS; i++) {
                assertThat(cursor.advance()).isTrue();
                assertThat(cursor.copyKey()).isEqualTo(new byte[] {7, (byte) i});
                assertThat(cursor.keyEquals(new byte[] {7, (byte) i})).isTrue();
            }
            assertThat(cursor.advance()).isFalse();
            assertThat(cursor.advance()).isFalse();
        }
    }

    /** Writes half of the bytes, spoils them, and fails, when told to. */
    private static final class FailingFile extends SpillFile {

        private boolean failNext;

        FailingFile(Path path) {
            super(path);
        }

        @Override
        synchronized void write(long offset, byte[] bytes, int count) {
            if (!failNext) {
                super.write(offset, bytes, count);
                return;
            }
            failNext = false;
            byte[] half = new byte[count / 2];
            Arrays.fill(half, (byte) 0xee);
            super.write(offset, half, half.length);
            throw new LazyStateException(Kind.UNAVAILABLE, Where.NOWHERE, "made to fail", null);
        }
    }
}
