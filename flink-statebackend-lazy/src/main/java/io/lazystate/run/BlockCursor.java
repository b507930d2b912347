package io.lazystate.run;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Arrays;

/**
 * A forward cursor over the entries of one decompressed block of a RocksDB table.
 *
 * <p>Keys here are whole: in a data block a row's key and its 8 bytes of sequence and type. Every
 * number is checked against the block, so no read leaves it. Not thread-safe.
 */
final class BlockCursor {

    private final byte[] bytes;
    private final Where where;
    private int next;
    private int limit;
    private byte[] key = new byte[64];
    private int keyLength;
    private int valueOffset;
    private int valueLength;

    BlockCursor(byte[] bytes, Where where) {
        this.bytes = bytes;
        this.where = where;
    }

    /** Stands before the entry at {@code start}, which shares no bytes with one before it. */
    void reset(int start, int entriesEnd) {
        next = start;
        limit = entriesEnd;
        keyLength = 0;
    }

    /** Moves to the next entry; false if there is none. */
    boolean next() {
        if (next >= limit) {
            return false;
        }
        int shared = varint();
        int others = varint();
        int value = varint();
        if (shared > keyLength || (long) others + value > limit - next) {
            throw malformed();
        }
        keyLength = shared + others;
        if (keyLength > key.length) {
            key = Arrays.copyOf(key, Math.max(keyLength, 2 * key.length));
        }
        System.arraycopy(bytes, next, key, shared, others);
        valueOffset = next + others;
        valueLength = value;
        next = valueOffset + value;
        return true;
    }

    /** Offset of the entry that {@link #next()} would move to. */
    int nextOffset() {
        return next;
    }

    /** Holds the key in its first {@link #keyLength} bytes; overwritten by {@link #next()}. */
    byte[] keyBuffer() {
        return key;
    }

    int keyLength() {
        return keyLength;
    }

    int valueOffset() {
        return valueOffset;
    }

    int valueLength() {
        return valueLength;
    }

    LazyStateException malformed() {
        return Corruption.of(where, "a block is malformed");
    }

    private int varint() {
        int value = 0;
        for (int shift = 0; shift < 35 && next < limit; shift += 7) {
            byte b = bytes[next++];
            value |= (b & 0x7f) << shift;
            if (b >= 0) {
                if (value < 0) {
                    break;
                }
                return value;
            }
        }
        throw malformed();
    }
}
