package io.lazystate.examples.parquet;

import java.nio.ByteBuffer;

/**
 * Small numbers in Parquet's hybrid encoding: runs of one value, and groups of 8 bit-packed values.
 *
 * <p>Each part starts with a varint: even, its half is the length of a run whose value follows in
 * whole bytes; odd, its half counts groups that follow, least significant bit first.
 */
final class HybridRuns {
    private static final int GROUP = 8;

    private final ByteBuffer in;
    private final int width;
    private int left;
    private boolean packed;
    private int repeated;
    private long bits;
    private int bitCount;

    /**
     * @param width bits of one number, 0 to 32
     */
    HybridRuns(ByteBuffer in, int width) {
        this.in = in;
        this.width = width;
    }

    int next() {
        while (left == 0) {
            startPart();
        }
        left--;
        return packed ? unpack() : repeated;
    }

    private void startPart() {
        long header = ThriftStruct.varint(in);
        packed = (header & 1) == 1;
        if (packed) {
            left = (int) (header >>> 1) * GROUP;
            bits = 0;
            bitCount = 0;
        } else {
            left = (int) (header >>> 1);
            repeated = 0;
            for (int shift = 0; shift < width; shift += Byte.SIZE) {
                repeated |= (in.get() & 0xff) << shift;
            }
        }
    }

    private int unpack() {
        while (bitCount < width) {
            // The last group may be cut off where no value is left.
            long next = in.hasRemaining() ? in.get() & 0xffL : 0;
            bits |= next << bitCount;
            bitCount += Byte.SIZE;
        }
        int value = (int) (bits & (1L << width) - 1);
        bits >>>= width;
        bitCount -= width;
        return value;
    }
}
