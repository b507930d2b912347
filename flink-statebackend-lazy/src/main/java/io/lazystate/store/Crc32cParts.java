package io.lazystate.store;

import org.apache.flink.annotation.Internal;

/**
 * Puts the CRC32C of a whole together from those of its parts.
 *
 * <p>A CRC is linear over GF(2): appending {@code n} bytes to a part multiplies its checksum by
 * {@code x^(8n)} modulo the polynomial, whatever the bytes are. Polynomials are reflected, as in
 * the checksum itself: bit 31 is {@code x^0}. Cost: some 60 multiplications of 32 steps.
 */
@Internal
public final class Crc32cParts {

    private static final int POLYNOMIAL = 0x82F63B78;
    private static final int ONE = 0x80000000;

    private Crc32cParts() {}

    /** The checksum of two parts in a row, of which the second has so many bytes. */
    public static int combine(int first, int second, long secondBytes) {
        return multiply(first, shift(secondBytes)) ^ second;
    }

    /** {@code x^(8 * bytes)}, by repeated squaring. */
    private static int shift(long bytes) {
        int result = ONE;
        int power = ONE >>> 8; // x^8
        for (long left = bytes; left > 0; left >>>= 1) {
            if ((left & 1) != 0) {
                result = multiply(result, power);
            }
            power = multiply(power, power);
        }
        return result;
    }

    private static int multiply(int a, int b) {
        int product = 0;
        int shifted = b;
        for (int bit = ONE; bit != 0; bit >>>= 1) {
            if ((a & bit) != 0) {
                product ^= shifted;
            }
            shifted = (shifted >>> 1) ^ ((shifted & 1) == 0 ? 0 : POLYNOMIAL);
        }
        return product;
    }
}
