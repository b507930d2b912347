package io.lazystate.run;

import org.apache.flink.annotation.Internal;

/**
 * What a manifest says of one run: the sizes and checksums of its three parts, its rows and its
 * keys.
 *
 * <p>Units: bytes. Checksums are CRC32C. Ownership: the arrays are not copied and must not change;
 * two metas are equal only if they hold the same arrays.
 *
 * @param tableBytes of the RocksDB table
 * @param tableCrc32c over the RocksDB table
 * @param rows PUT and REMOVE rows, at least 1
 * @param firstKey the smallest key
 * @param lastKey the greatest key
 * @param pageCount pages, at least 1
 * @param pageTableBytes of the encoded page table
 * @param pageTableCrc32c over the encoded page table
 * @param filterBytes of the encoded filter
 * @param filterCrc32c over the encoded filter
 */
@Internal
public record RunMeta(
        long tableBytes,
        int tableCrc32c,
        long rows,
        byte[] firstKey,
        byte[] lastKey,
        int pageCount,
        int pageTableBytes,
        int pageTableCrc32c,
        int filterBytes,
        int filterCrc32c) {

    /** Bytes of the whole region: table, page table and filter. */
    public long regionBytes() {
        return tableBytes + pageTableBytes + filterBytes;
    }
}
