package io.lazystate.paging;

import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The distinct keys of one full or ended arena, on the heap or in a file.
 *
 * <p>Shape: entries as in {@link KeyArena}, in the order of their arrival until {@link #sort}. A
 * sorted chunk has as many bytes as it had before, so one in a file is sorted in its place; the
 * checksum tells damage by the disk. Threads: any; sorting twice at once is sorting once.
 */
final class ChangeChunk {

    private final SpillSpace space;
    private final SpillFile file;
    private final int lengthBytes;
    private final int keys;

    /** The entries if they are on the heap; then they count, and not what a file may hold. */
    private byte @Nullable [] memory;

    private long offset;
    private long checksum;
    private boolean sorted;

    /**
     * A chunk on the heap.
     *
     * @param file where it goes if it must leave the heap
     * @param memory the entries, in its first {@code lengthBytes} bytes; belongs to the chunk now
     */
    ChangeChunk(SpillSpace space, SpillFile file, byte[] memory, int lengthBytes, int keys) {
        this.space = space;
        this.file = file;
        this.memory = memory;
        this.lengthBytes = lengthBytes;
        this.keys = keys;
        this.sorted = keys == 1;
        space.hold(memory.length);
    }

    private ChangeChunk(SpillSpace space, SpillFile file, int lengthBytes, int keys) {
        this.space = space;
        this.file = file;
        this.lengthBytes = lengthBytes;
        this.keys = keys;
        this.sorted = keys == 1;
    }

    /** Appends a chunk to a file; the array is free again on return. */
    static ChangeChunk spill(
            SpillSpace space, SpillFile file, byte[] entries, int lengthBytes, int keys) {
        ChangeChunk chunk = new ChangeChunk(space, file, lengthBytes, keys);
        chunk.append(entries);
        return chunk;
    }

    int keys() {
        return keys;
    }

    /**
     * Sorts the chunk, unless that was done. If it fails nothing is lost, and it can be tried
     * again.
     */
    synchronized void sort(KeySorter sorter) {
        if (sorted) {
            return;
        }
        byte[] held = memory;
        if (held != null) {
            byte[] ordered = sorter.sort(held, lengthBytes, keys);
            if (space.isCrowded()) {
                append(ordered);
                replaceMemory(null);
            } else {
                replaceMemory(Arrays.copyOf(ordered, lengthBytes));
            }
        } else {
            byte[] raw = sorter.rawBuffer(lengthBytes);
            file.read(offset, raw, 0, lengthBytes);
            if (checksum(raw) != checksum) {
                throw file.corrupt(offset, lengthBytes, "failed its checksum", null);
            }
            overwrite(raw, sorter.sort(raw, lengthBytes, keys));
        }
        sorted = true;
    }

    /**
     * A cursor over the sorted keys; the chunk must not be released while it is in use.
     *
     * @param bufferBytes how much of a file to read at once
     */
    synchronized ChunkCursor cursor(int bufferBytes) {
        byte[] held = memory;
        return held != null
                ? new ChunkCursor(held, lengthBytes)
                : new ChunkCursor(file, offset, lengthBytes, checksum, bufferBytes);
    }

    /** Frees the heap memory. */
    synchronized void release() {
        replaceMemory(null);
    }

    private void append(byte[] entries) {
        offset = file.append(entries, lengthBytes);
        checksum = checksum(entries);
    }

    private void overwrite(byte[] raw, byte[] ordered) {
        boolean done = false;
        try {
            file.write(offset, ordered, lengthBytes);
            checksum = checksum(ordered);
            done = true;
        } finally {
            if (!done) {
                // Part of the raw bytes in the file may be gone. One chunk at most: the caller
                // stops.
                replaceMemory(Arrays.copyOf(raw, lengthBytes));
            }
        }
    }

    private void replaceMemory(byte @Nullable [] replacement) {
        byte[] held = memory;
        memory = replacement;
        space.hold(
                (replacement == null ? 0L : replacement.length) - (held == null ? 0 : held.length));
    }

    private long checksum(byte[] entries) {
        CRC32C crc = new CRC32C();
        crc.update(entries, 0, lengthBytes);
        return crc.getValue();
    }
}
