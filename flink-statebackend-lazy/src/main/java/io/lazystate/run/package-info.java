/**
 * Run files: sorted rows in RocksDB table format, written once and read one page at a time.
 *
 * <p>Numbers of fixed width are little-endian. A varint holds 7 bits a byte, the lowest first, the
 * top bit set in all bytes but the last. A <i>key</i> is written as {@code varint} bytes shared
 * with the key before it, {@code varint} other bytes, and those. CRC32C is that of {@link
 * java.util.zip.CRC32C}.
 *
 * <h2>Region</h2>
 *
 * A run is one contiguous region of an object; an object may hold several:
 *
 * <pre>
 * table        a RocksDB table
 * page table
 * filter
 * </pre>
 *
 * Sizes and checksums of the three parts are in the manifest ({@link io.lazystate.run.RunMeta}).
 *
 * <h2>Table</h2>
 *
 * As {@code SstFileWriter} writes it, ready to be ingested: block-based, format version 3,
 * XXHash64, LZ4, restart interval 16, binary-search index, no filter of RocksDB's. A row is a PUT
 * (type 1) or a REMOVE (type 0, no value), always with sequence number 0. The data blocks come
 * first, without gaps. As stored, a block is
 *
 * <pre>
 * content      raw, or if compressed: varint raw size, then an LZ4 block
 * u8           compression: 0 none (what does not shrink), 4 or 5 LZ4
 * u32          the lower half of the XXHash64 of content and compression byte, seed 0
 * </pre>
 *
 * Up to version 4 of manifests the checksum is their CRC32C, rotated right by 15, plus 0xa282ead8.
 * A reader takes either: a checkpoint may refer to runs that are older than its manifest. RocksDB
 * as Flink ships it computes CRC32C without the processor's instruction, which made every block
 * that is read from a linked file dear.
 *
 * <p>The raw content of a data block is
 *
 * <pre>
 * entries      varint shared, varint others, varint value length; other key bytes; value
 * u32 each     offsets of the entries that start a restart interval: those share 0 bytes
 * u32          how many such offsets
 * </pre>
 *
 * The key of an entry is the row's key and 8 bytes: type, then 7 bytes of sequence number.
 *
 * <h2>Page</h2>
 *
 * Whole data blocks, one after the other, trailers included: the unit of a cold read. A page is
 * closed behind the block with which its raw size reaches the wanted one; a reader does not know
 * that size.
 *
 * <h2>Page table</h2>
 *
 * <pre>
 * varint       pages, at least 1; for each:
 *   key        the key of its first row, exactly (the first page: after the empty key)
 *   u32        CRC32C of the stored page
 *   varint     blocks; for each:
 *     varint   length of the stored block, with its trailer
 * </pre>
 *
 * Pages lie one after the other from the table's first byte on, so offsets need not be written.
 *
 * <h2>Filter</h2>
 *
 * <pre>
 * u8           kind: 1
 * u8           probes a key: 6
 * 64 bytes     each: a block of 512 bits; about 10 bits for each key
 * </pre>
 *
 * A key's hash is XXHash64 of its bytes, seed 0. Its upper 32 bits, times the number of blocks,
 * divided by 2^32, give the block. Its lower 32 bits give the first probe, and each probe times
 * 0x9e3779b9 the next, modulo 2^32; the upper 9 bits of a probe give the bit: bit {@code n} is bit
 * {@code n % 8}, from the lowest, of byte {@code n / 8}.
 *
 * <h2>Block of rows</h2>
 *
 * A few rows outside of a table, in unsigned order of their keys. Stored as a block of a table is,
 * with this content:
 *
 * <pre>
 * u32          rows
 * u32 each     end of the row, from the first row on
 * rows:
 *   u32        bytes of the key
 *   key, value
 * </pre>
 */
@NullMarked
package io.lazystate.run;

import org.jspecify.annotations.NullMarked;
