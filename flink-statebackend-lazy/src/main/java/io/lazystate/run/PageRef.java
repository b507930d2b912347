package io.lazystate.run;

import org.apache.flink.annotation.Internal;

/**
 * Where a page lies in its run, and what of it must be verified.
 *
 * <p>Units: bytes. The offset counts from the first byte of the run. Ownership: the arrays are not
 * copied and must not change. Two refs are equal only if they hold the same arrays.
 *
 * @param firstKey the key of the page's first row, exactly
 * @param offset of the page's first byte, from the run's first byte
 * @param length of the stored page, trailers of its blocks included
 * @param crc32c over the stored page, as {@link java.util.zip.CRC32C} computes it
 * @param blockLengths lengths of its stored blocks with their trailers; their sum is {@code length}
 */
@Internal
public record PageRef(byte[] firstKey, long offset, int length, int crc32c, int[] blockLengths) {

    /** The offset after the page's last byte, from the run's first byte. */
    public long endOffset() {
        return offset + length;
    }
}
