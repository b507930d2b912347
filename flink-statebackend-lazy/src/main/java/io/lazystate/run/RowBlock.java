package io.lazystate.run;

import io.lazystate.error.Where;
import java.util.Arrays;
import java.util.SortedMap;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * A few rows in one array, in unsigned order of their keys, and searched there: a row is decoded
 * when it is asked for. Immutable, any thread. The bytes are spelled out in {@code package-info}.
 */
@Internal
public final class RowBlock {
    private static final int OFFSET_BYTES = 4;

    private final byte[] bytes;

    /** Rows of the array. */
    private final int all;

    private final int from;
    private final int to;

    private RowBlock(byte[] bytes, int all, int from, int to) {
        this.bytes = bytes;
        this.all = all;
        this.from = from;
        this.to = to;
    }

    /** Takes rows in. */
    public static RowBlock of(SortedMap<byte[], byte[]> rows) {
        ByteWriter ends = new ByteWriter();
        ByteWriter content = new ByteWriter();
        rows.forEach(
                (key, value) -> {
                    content.u32(key.length);
                    content.raw(key);
                    content.raw(value);
                    ends.u32(content.size());
                });
        ByteWriter whole = new ByteWriter();
        whole.u32(rows.size());
        whole.raw(ends.toBytes());
        whole.raw(content.toBytes());
        return new RowBlock(whole.toBytes(), rows.size(), 0, rows.size());
    }

    /** All rows of the array, as they are stored. */
    public byte[] toBytes() {
        return StoredBlock.store(bytes);
    }

    /**
     * Reads what {@link #toBytes} gave.
     *
     * @throws io.lazystate.error.LazyStateException CORRUPT, INCOMPATIBLE
     */
    public static RowBlock fromBytes(byte[] stored, Where where) {
        byte[] bytes = StoredBlock.verify(stored, 0, stored.length, where).decompress();
        int rows = bytes.length < OFFSET_BYTES ? -1 : StoredBlock.intAt(bytes, 0);
        if (rows < 0 || rows > (bytes.length - OFFSET_BYTES) / (2 * OFFSET_BYTES)) {
            throw Corruption.of(where, "a block of rows is malformed");
        }
        RowBlock block = new RowBlock(bytes, rows, 0, rows);
        for (int row = 0; row < rows; row++) {
            if (!block.isSound(row)) {
                throw Corruption.of(where, "a block of rows is malformed");
            }
        }
        if (block.start(rows) != bytes.length) {
            throw Corruption.of(where, "a block of rows is malformed");
        }
        return block;
    }

    private boolean isSound(int row) {
        int start = start(row);
        int end = start(row + 1);
        return start < end
                && end <= bytes.length
                && end - start >= OFFSET_BYTES
                && Integer.compareUnsigned(
                                StoredBlock.intAt(bytes, start), end - start - OFFSET_BYTES)
                        <= 0;
    }

    /** Those from one key, inclusive, to another, exclusive; null for the end. Shares the array. */
    public RowBlock slice(byte[] lower, byte @Nullable [] upper) {
        int first = ceiling(lower);
        int end = upper == null ? to : from + ceiling(upper);
        return new RowBlock(bytes, all, from + first, Math.max(from + first, end));
    }

    /** How many there are. */
    public int size() {
        return to - from;
    }

    /** The place of a key's row; negative if it has none. */
    public int find(byte[] key) {
        int place = ceiling(key);
        return place < size() && compare(from + place, key) == 0 ? place : -1;
    }

    /** How many rows come before a key. */
    public int ceiling(byte[] key) {
        int low = from;
        int high = to;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (compare(middle, key) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - from;
    }

    /** A copy of a row's key. */
    public byte[] key(int place) {
        int start = start(from + place) + OFFSET_BYTES;
        return Arrays.copyOfRange(bytes, start, valueStart(from + place));
    }

    /** A copy of a row's value. */
    public byte[] value(int place) {
        return Arrays.copyOfRange(bytes, valueStart(from + place), start(from + place + 1));
    }

    private int compare(int row, byte[] key) {
        int start = start(row) + OFFSET_BYTES;
        return Arrays.compareUnsigned(bytes, start, valueStart(row), key, 0, key.length);
    }

    private int valueStart(int row) {
        int start = start(row);
        return start + OFFSET_BYTES + StoredBlock.intAt(bytes, start);
    }

    /** Where a row begins, which is where the one before it ends. */
    private int start(int row) {
        int first = OFFSET_BYTES * (1 + all);
        return row == 0 ? first : first + StoredBlock.intAt(bytes, OFFSET_BYTES * row);
    }
}
