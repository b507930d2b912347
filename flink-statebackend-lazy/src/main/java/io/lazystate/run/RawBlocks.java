package io.lazystate.run;

import io.lazystate.error.Where;
import java.util.Arrays;

/**
 * The decompressed data blocks of a page, one after the other in one array.
 *
 * <p>Shape of a block: entries, then the offsets of those that start a restart interval, as u32,
 * then their count, as u32. Immutable once checked, any thread.
 */
final class RawBlocks {

    /** Sequence number and type that RocksDB puts behind each key. */
    static final int KEY_SUFFIX_BYTES = 8;

    private static final int VALUE = 1;
    private static final int DELETION = 0;

    final byte[] bytes;
    final Where where;
    private final int[] starts;
    private final int[] entriesEnds;
    private final int[] restarts;

    /**
     * @param starts of the blocks in {@code bytes}, and the end of the last one
     * @throws io.lazystate.error.LazyStateException CORRUPT
     */
    RawBlocks(byte[] bytes, int[] starts, Where where) {
        this.bytes = bytes;
        this.starts = starts;
        this.where = where;
        this.entriesEnds = new int[starts.length - 1];
        this.restarts = new int[starts.length - 1];
        for (int block = 0; block < restarts.length; block++) {
            measure(block);
        }
    }

    int count() {
        return restarts.length;
    }

    int start(int block) {
        return starts[block];
    }

    int entriesEnd(int block) {
        return entriesEnds[block];
    }

    int restarts(int block) {
        return restarts[block];
    }

    /** Offset of the entry that starts a restart interval. */
    int restart(int block, int index) {
        return starts[block] + StoredBlock.intAt(bytes, entriesEnds[block] + 4 * index);
    }

    /** Heap weight. */
    int sizeBytes() {
        return bytes.length + 12 * starts.length + 128;
    }

    /** Compares the key at a restart point, which is stored whole, with another. */
    int compareRestart(int offset, byte[] key) {
        int position = offset + 1; // The shared length is 0: one byte.
        int length = 0;
        int shift = 0;
        byte b;
        do {
            b = bytes[position++];
            length |= (b & 0x7f) << shift;
            shift += 7;
        } while (b < 0);
        while (bytes[position++] < 0) {
            // The length of the value does not matter.
        }
        int end = position + length - KEY_SUFFIX_BYTES;
        return Arrays.compareUnsigned(bytes, position, end, key, 0, key.length);
    }

    /** Whether the entry is a REMOVE; one that is neither PUT nor REMOVE is malformed. */
    static boolean isRemoval(BlockCursor entry) {
        int length = entry.keyLength();
        if (length < KEY_SUFFIX_BYTES) {
            throw entry.malformed();
        }
        byte[] key = entry.keyBuffer();
        int suffix = length - KEY_SUFFIX_BYTES;
        boolean sequenceIsZero =
                StoredBlock.intAt(key, suffix) >>> 8 == 0
                        && StoredBlock.intAt(key, suffix + 4) == 0;
        if (!sequenceIsZero || (key[suffix] != VALUE && key[suffix] != DELETION)) {
            throw entry.malformed();
        }
        return key[suffix] == DELETION;
    }

    /**
     * Walks all entries, so that no cursor meets a malformed one later, and counts them.
     *
     * @throws io.lazystate.error.LazyStateException CORRUPT
     */
    int countRows() {
        int rows = 0;
        BlockCursor entry = new BlockCursor(bytes, where);
        for (int block = 0; block < restarts.length; block++) {
            rows += countRows(block, entry);
        }
        return rows;
    }

    private int countRows(int block, BlockCursor entry) {
        entry.reset(starts[block], entriesEnds[block]);
        int rows = 0;
        int restart = 0;
        int restartOffset = starts[block];
        for (int offset = starts[block]; entry.next(); offset = entry.nextOffset()) {
            if (offset == restartOffset && bytes[offset] == 0) {
                restart++;
                restartOffset = restart < restarts[block] ? restart(block, restart) : -1;
            }
            isRemoval(entry);
            rows++;
        }
        if (restart != restarts[block]) {
            throw entry.malformed();
        }
        return rows;
    }

    private void measure(int block) {
        int end = starts[block + 1];
        int length = end - starts[block];
        int count = length < 4 ? 0 : StoredBlock.intAt(bytes, end - 4);
        // With the top bit set there would be a hash index, which we do not write.
        if (count <= 0 || count > (length - 4) / 4) {
            throw Corruption.of(where, "a block is malformed");
        }
        entriesEnds[block] = end - 4 - 4 * count;
        restarts[block] = count;
        if (restart(block, 0) != starts[block] || entriesEnds[block] == starts[block]) {
            throw Corruption.of(where, "a block is malformed");
        }
    }
}
