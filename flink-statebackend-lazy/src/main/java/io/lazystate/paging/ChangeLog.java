package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.flink.annotation.Internal;

/**
 * The keys of one state changed since the last rotation; exact duplicates within a chunk are
 * dropped.
 *
 * <p>Shape: keys collect in a chunk, an arena of at most {@code chunkBytes} with a hash table of a
 * quarter of that. A full chunk is appended to the interval's spill file as it is, and the arena is
 * used again; sorting is left to {@link ChangedKeys#merge}. A key longer than a chunk goes to the
 * file by itself. Heap: the arena and its table (16 KB and 4 KB until there is more to keep) and at
 * most twice {@code chunkBytes} in ended intervals, see {@link SpillSpace}.
 *
 * <p>Threads: the task thread only; the intervals it hands out are for any thread. Ownership: the
 * caller owns the directory, which is created if missing, and must release the intervals.
 *
 * <p>Errors: UNAVAILABLE if the disk refuses a chunk (the key is not in the log then), CLOSED.
 */
@Internal
public final class ChangeLog implements AutoCloseable {

    private static final int SMALLEST_CHUNK_BYTES = 1 << 6;
    private static final int LARGEST_CHUNK_BYTES = 1 << 26;
    private static final int LONGEST_KEY_BYTES = 1 << 30;

    /** An ended chunk of at most this is copied, as its array may be much larger. */
    private static final int FEW_BYTES = 1 << 14;

    private final int chunkBytes;
    private final SpillSpace space;

    private KeyArena arena;
    private SpillFile file;
    private List<ChangeChunk> chunks = new ArrayList<>();
    private boolean closed;

    /**
     * @param spillDirectory local directory for full chunks; touched when the first one is full
     * @param chunkBytes bound of a chunk, 64 bytes to 64 MB; 4 MB hold some 95,000 keys of 40 bytes
     * @throws LazyStateException INVALID if {@code chunkBytes} is out of bounds
     */
    public ChangeLog(Path spillDirectory, int chunkBytes) {
        if (chunkBytes < SMALLEST_CHUNK_BYTES || chunkBytes > LARGEST_CHUNK_BYTES) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "A change log's chunk must have 64 bytes to 64 MB, not " + chunkBytes,
                    null);
        }
        this.chunkBytes = chunkBytes;
        this.space = new SpillSpace(spillDirectory, chunkBytes);
        this.arena = new KeyArena(chunkBytes);
        this.file = space.newFile();
    }

    /** Notes that a key changed; the array is copied. */
    public void add(byte[] key) {
        if (closed || !arena.add(key, 0, key.length)) {
            addToNextChunk(key, 0, key.length);
        }
    }

    /** Notes that the key in a part of an array changed; the bytes are copied. */
    public void add(byte[] buffer, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, buffer.length);
        if (closed || !arena.add(buffer, offset, length)) {
            addToNextChunk(buffer, offset, length);
        }
    }

    /**
     * Ends the interval and starts the next one.
     *
     * <p>Cost: the arena is handed over, not copied beyond 16 KB. Only if the log's earlier
     * intervals hold more than one chunk on the heap, as after several aborted checkpoints, it is
     * written to disk here.
     *
     * @return the keys since the last rotation, with one reference that the caller releases
     */
    public ChangeInterval rotate() {
        requireOpen();
        if (arena.keys() > 0) {
            endChunk();
        }
        file.suspend();
        ChangeInterval ended = new ChangeInterval(file, chunks);
        file = space.newFile();
        chunks = new ArrayList<>();
        return ended;
    }

    /** Forgets the keys since the last rotation and deletes their spill file; idempotent. */
    @Override
    public void close() {
        closed = true;
        arena = new KeyArena(SMALLEST_CHUNK_BYTES);
        chunks.clear();
        file.delete();
    }

    private void addToNextChunk(byte[] buffer, int offset, int length) {
        requireOpen();
        if (length > chunkBytes - KeyArena.HEADER_BYTES) {
            spillLongKey(buffer, offset, length);
            return;
        }
        spill();
        if (!arena.add(buffer, offset, length)) {
            throw new IllegalStateException("an empty chunk of the change log refused a key");
        }
    }

    /** Leaves the last chunk of an interval on the heap if it may stay there. */
    private void endChunk() {
        int used = arena.usedBytes();
        byte[] entries = used <= FEW_BYTES ? Arrays.copyOf(arena.bytes(), used) : arena.bytes();
        if (space.hasRoomFor(entries.length)) {
            chunks.add(new ChangeChunk(space, file, entries, used, arena.keys()));
            arena = new KeyArena(chunkBytes);
        } else {
            spill();
        }
    }

    private void spill() {
        chunks.add(ChangeChunk.spill(space, file, arena.bytes(), arena.usedBytes(), arena.keys()));
        arena.clear();
    }

    private void spillLongKey(byte[] buffer, int offset, int length) {
        if (length > LONGEST_KEY_BYTES) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "A key of " + length + " bytes is longer than the change log allows (1 GB)",
                    null);
        }
        byte[] entry = new byte[KeyArena.HEADER_BYTES + length];
        KeyArena.LENGTH.set(entry, 0, length);
        System.arraycopy(buffer, offset, entry, KeyArena.HEADER_BYTES, length);
        chunks.add(ChangeChunk.spill(space, file, entry, entry.length, 1));
    }

    private void requireOpen() {
        if (closed) {
            throw new LazyStateException(
                    Kind.CLOSED, Where.NOWHERE, "The change log was closed with its backend", null);
        }
    }
}
