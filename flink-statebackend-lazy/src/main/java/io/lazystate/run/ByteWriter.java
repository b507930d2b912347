package io.lazystate.run;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.flink.annotation.Internal;

/**
 * Appends the primitives of our byte formats to a growing array.
 *
 * <p>Fixed-width integers are little-endian, as in RocksDB's tables. A varint holds 7 bits a byte,
 * the lowest first, the top bit set in all bytes but the last; it holds no negative number. A key
 * is written as the count of bytes that it shares with a key before it, the count of the others,
 * and the others. Not thread-safe.
 */
@Internal
public final class ByteWriter {

    private byte[] bytes = new byte[256];
    private int size;

    /** Bytes so far. */
    public int size() {
        return size;
    }

    /** A copy of the bytes so far. */
    public byte[] toBytes() {
        return Arrays.copyOf(bytes, size);
    }

    public void u8(int value) {
        reserve(1);
        bytes[size++] = (byte) value;
    }

    public void u16(int value) {
        u8(value);
        u8(value >>> 8);
    }

    public void u32(int value) {
        u16(value);
        u16(value >>> 16);
    }

    public void varint(long value) {
        if (value < 0) {
            throw new IllegalArgumentException("a varint cannot hold " + value);
        }
        reserve(10);
        long rest = value;
        while (rest >= 0x80) {
            bytes[size++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[size++] = (byte) rest;
    }

    public void raw(byte[] value) {
        raw(value, 0, value.length);
    }

    /** A varint count of UTF-8 bytes, and the bytes. */
    public void string(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        varint(utf8.length);
        raw(utf8);
    }

    /** A key, without the bytes that it shares with {@code previous}. */
    public void key(byte[] previous, byte[] key) {
        int mismatch = Arrays.mismatch(previous, key);
        int shared = mismatch < 0 ? key.length : mismatch;
        varint(shared);
        varint(key.length - shared);
        raw(key, shared, key.length - shared);
    }

    private void raw(byte[] value, int offset, int length) {
        reserve(length);
        System.arraycopy(value, offset, bytes, size, length);
        size += length;
    }

    private void reserve(int more) {
        int needed = Math.addExact(size, more);
        if (needed > bytes.length) {
            bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 8, 2L * needed));
        }
    }
}
