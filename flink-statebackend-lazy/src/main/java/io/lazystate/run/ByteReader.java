package io.lazystate.run;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.flink.annotation.Internal;

/**
 * Reads what {@link ByteWriter} wrote.
 *
 * <p>Errors: CORRUPT wherever the bytes end early or hold an impossible number, so a malformed
 * length never allocates more than there are bytes. Not thread-safe.
 */
@Internal
public final class ByteReader {

    private final byte[] bytes;
    private final int end;
    private final Where where;
    private final String what;
    private int position;

    /**
     * @param what is read, for messages: "page table"
     * @param where it lies, for messages
     */
    public ByteReader(byte[] bytes, int start, int end, String what, Where where) {
        this.bytes = bytes;
        this.position = start;
        this.end = end;
        this.what = what;
        this.where = where;
    }

    /** Where the bytes lie, for messages. */
    public Where where() {
        return where;
    }

    /** Bytes that are left. */
    public int remaining() {
        return end - position;
    }

    public int u8() {
        need(1);
        return bytes[position++] & 0xff;
    }

    public int u16() {
        return u8() | u8() << 8;
    }

    public int u32() {
        return u16() | u16() << 16;
    }

    /** A varint that fits an int. */
    public int varint() {
        long value = varlong();
        if (value > Integer.MAX_VALUE) {
            throw corrupt("the number " + value + " is too large");
        }
        return (int) value;
    }

    /** A varint that fits a long. */
    public long varlong() {
        long value = 0;
        for (int shift = 0; shift < 63; shift += 7) {
            int next = u8();
            value |= (long) (next & 0x7f) << shift;
            if (next < 0x80) {
                return value;
            }
        }
        throw corrupt("a number does not end");
    }

    /** How many elements follow, each of at least this many bytes. */
    public int count(int minBytesEach) {
        int count = varint();
        if (count > remaining() / minBytesEach) {
            throw corrupt(count + " elements do not fit " + remaining() + " bytes");
        }
        return count;
    }

    public byte[] raw(int length) {
        need(length);
        position += length;
        return Arrays.copyOfRange(bytes, position - length, position);
    }

    /** A string of {@link ByteWriter#string}. */
    public String string() {
        return new String(raw(count(1)), StandardCharsets.UTF_8);
    }

    /** A key of {@link ByteWriter#key}. */
    public byte[] key(byte[] previous) {
        int shared = varint();
        int others = count(1);
        if (shared > previous.length) {
            throw corrupt("a key shares " + shared + " of " + previous.length + " bytes");
        }
        byte[] key = Arrays.copyOf(previous, shared + others);
        System.arraycopy(bytes, position, key, shared, others);
        position += others;
        return key;
    }

    /** Requires that everything was read. */
    public void end() {
        if (position != end) {
            throw corrupt(remaining() + " bytes too many");
        }
    }

    /** An error to throw: these bytes are malformed. */
    public LazyStateException corrupt(String problem) {
        return Corruption.of(where, "the " + what + " is malformed: " + problem);
    }

    private void need(int count) {
        if (count > end - position) {
            throw corrupt("it ends early");
        }
    }
}
