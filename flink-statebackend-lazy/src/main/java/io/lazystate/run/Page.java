package io.lazystate.run;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The verified, decoded rows of one page.
 *
 * <p>Immutable, any thread. The bytes are spelled out in {@code run/package-info}.
 */
@Internal
public final class Page {

    private final RawBlocks blocks;
    private final int rows;

    private Page(RawBlocks blocks, int rows) {
        this.blocks = blocks;
        this.rows = rows;
    }

    /**
     * Verifies and decompresses a stored page.
     *
     * <p>Checked before any row is used: length and CRC32C of the page; checksum, compression and
     * structure of each block. Cost: about 1 ms for each MB of raw rows.
     *
     * @param bytes that have the page; not kept
     * @param offset where it begins in there
     * @param where the page lies, named by errors: {@link Run#where}
     * @throws LazyStateException CORRUPT; INCOMPATIBLE if a block's compression is not known
     */
    public static Page decode(byte[] bytes, int offset, PageRef ref, Where where) {
        if (bytes.length - offset < ref.length()) {
            throw Corruption.of(
                    where, "a page has " + (bytes.length - offset) + " bytes, not " + ref.length());
        }
        if (Crc32c.of(bytes, offset, ref.length()) != ref.crc32c()) {
            throw Corruption.of(where, "a page failed its checksum");
        }
        RawBlocks blocks = decompress(bytes, offset, ref, where);
        return new Page(blocks, blocks.countRows());
    }

    /** How many rows the page holds, PUT and REMOVE. */
    public int rows() {
        return rows;
    }

    /** Heap weight, for caches. */
    public int sizeBytes() {
        return blocks.sizeBytes();
    }

    /** The row of this key, or null if the page has none. */
    public @Nullable Lookup find(byte[] key) {
        PageCursor cursor = cursor();
        cursor.seek(key);
        if (!cursor.valid() || !cursor.isAt(key)) {
            return null;
        }
        return cursor.isRemoval() ? Lookup.REMOVED : new Lookup(cursor.value());
    }

    /** A new cursor over the rows. */
    public PageCursor cursor() {
        return new PageCursor(blocks);
    }

    private static RawBlocks decompress(byte[] bytes, int start, PageRef ref, Where where) {
        int[] blockLengths = ref.blockLengths();
        StoredBlock[] blocks = new StoredBlock[blockLengths.length];
        int[] starts = new int[blocks.length + 1];
        int offset = start;
        long rawBytes = 0;
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = StoredBlock.verify(bytes, offset, blockLengths[i], where);
            offset += blockLengths[i];
            rawBytes += blocks[i].rawBytes();
            if (rawBytes > Integer.MAX_VALUE - 8) {
                throw Corruption.of(where, "a page is larger than 2 GB");
            }
            starts[i + 1] = (int) rawBytes;
        }
        if (offset - start != ref.length()) {
            throw Corruption.of(where, "the blocks of a page do not fill it");
        }
        byte[] raw = new byte[(int) rawBytes];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i].decompressTo(raw, starts[i]);
        }
        return new RawBlocks(raw, starts, where);
    }
}
