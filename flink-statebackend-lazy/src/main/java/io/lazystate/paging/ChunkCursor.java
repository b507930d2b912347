package io.lazystate.paging;

import java.util.Arrays;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * A forward cursor over the keys of a sorted chunk.
 *
 * <p>A chunk in a file is read through a small buffer, which grows only for a longer key; its
 * checksum is compared when its last bytes are read. Not thread-safe.
 */
final class ChunkCursor {

    private final @Nullable SpillFile file;
    private final long fileOffset;
    private final int lengthBytes;
    private final long checksum;
    private final CRC32C crc = new CRC32C();

    private byte[] buffer;
    private int limit;
    private int loadedBytes;
    private int nextEntry;
    private int keyStart;
    private int keyEnd;

    /** Reads a chunk on the heap. */
    ChunkCursor(byte[] memory, int lengthBytes) {
        this.file = null;
        this.fileOffset = 0;
        this.lengthBytes = lengthBytes;
        this.checksum = 0;
        this.buffer = memory;
        this.limit = lengthBytes;
        this.loadedBytes = lengthBytes;
    }

    /** Reads a chunk in a file. */
    ChunkCursor(SpillFile file, long fileOffset, int lengthBytes, long checksum, int bufferBytes) {
        this.file = file;
        this.fileOffset = fileOffset;
        this.lengthBytes = lengthBytes;
        this.checksum = checksum;
        this.buffer = new byte[Math.min(bufferBytes, lengthBytes)];
    }

    /** Moves to the next key; false at the end. The key before it is void then. */
    boolean advance() {
        if (limit == nextEntry && loadedBytes == lengthBytes) {
            return false;
        }
        require(KeyArena.HEADER_BYTES);
        int keyBytes = (int) KeyArena.LENGTH.get(buffer, nextEntry);
        require(KeyArena.HEADER_BYTES + keyBytes);
        keyStart = nextEntry + KeyArena.HEADER_BYTES;
        keyEnd = keyStart + keyBytes;
        nextEntry = keyEnd;
        return true;
    }

    /** Compares the current keys of two cursors, as unsigned bytes. */
    int compareKey(ChunkCursor other) {
        return Arrays.compareUnsigned(
                buffer, keyStart, keyEnd, other.buffer, other.keyStart, other.keyEnd);
    }

    /** Whether the current key has these bytes. */
    boolean keyEquals(byte[] key) {
        return Arrays.equals(buffer, keyStart, keyEnd, key, 0, key.length);
    }

    /** A copy of the current key. */
    byte[] copyKey() {
        return Arrays.copyOfRange(buffer, keyStart, keyEnd);
    }

    /** Makes that many bytes from the next entry on available in the buffer. */
    private void require(int bytes) {
        int left = limit - nextEntry;
        if (bytes <= left && bytes >= KeyArena.HEADER_BYTES) {
            return;
        }
        SpillFile source = file;
        if (source == null) {
            throw new IllegalStateException("a chunk on the heap ends inside a key");
        }
        if (bytes < KeyArena.HEADER_BYTES || bytes > left + lengthBytes - loadedBytes) {
            throw source.corrupt(fileOffset, lengthBytes, "has a key that exceeds its chunk", null);
        }
        byte[] target = bytes > buffer.length ? new byte[bytes] : buffer;
        System.arraycopy(buffer, nextEntry, target, 0, left);
        int count = Math.min(target.length - left, lengthBytes - loadedBytes);
        source.read(fileOffset + loadedBytes, target, left, count);
        buffer = target;
        nextEntry = 0;
        limit = left + count;
        loadedBytes += count;
        crc.update(target, left, count);
        if (loadedBytes == lengthBytes && crc.getValue() != checksum) {
            throw source.corrupt(fileOffset, lengthBytes, "failed its checksum", null);
        }
    }
}
