package io.lazystate.run;

import io.lazystate.error.Where;
import io.lazystate.store.StoredObject;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * A run in the store: which object holds it, from which byte on, and what is known of it here.
 *
 * <p>Two runs are equal only if they are the same object. Threads: any; page table and filter may
 * appear at any time, never change, and never go. Units: bytes.
 */
@Internal
public final class Run {

    private final StoredObject object;
    private final long offset;
    private final RunMeta meta;
    private volatile @Nullable PageTable pageTable;
    private volatile @Nullable KeyFilter filter;

    /**
     * @param offset of the run's first byte in the object
     * @param inlined the page table, if the manifest carried it
     */
    public Run(StoredObject object, long offset, RunMeta meta, @Nullable PageTable inlined) {
        this.object = object;
        this.offset = offset;
        this.meta = meta;
        this.pageTable = inlined;
    }

    /** The same run in a copy of its object. */
    public Run in(StoredObject copy) {
        return new Run(copy, offset, meta, pageTable);
    }

    public StoredObject object() {
        return object;
    }

    /** Offset of the run's first byte, which is the table's, in the object. */
    public long offset() {
        return offset;
    }

    public RunMeta meta() {
        return meta;
    }

    /** The page table, or null while it is not here. */
    public @Nullable PageTable pageTable() {
        return pageTable;
    }

    /** The filter, or null while it is not here. */
    public @Nullable KeyFilter filter() {
        return filter;
    }

    /** Offset of the encoded page table in the object. */
    public long pageTableOffset() {
        return offset + meta.tableBytes();
    }

    /** Offset of the encoded filter in the object. */
    public long filterOffset() {
        return pageTableOffset() + meta.pageTableBytes();
    }

    /**
     * Verifies, decodes and keeps the page table.
     *
     * @param stored exactly the bytes at {@link #pageTableOffset}
     * @param where they lie, named by errors
     * @throws io.lazystate.error.LazyStateException CORRUPT
     */
    public PageTable installPageTable(byte[] stored, Where where) {
        verify(stored, meta.pageTableBytes(), meta.pageTableCrc32c(), "page table", where);
        PageTable decoded = PageTable.fromBytes(stored, where);
        if (decoded.pages() != meta.pageCount()) {
            throw Corruption.of(
                    where,
                    "the page table has " + decoded.pages() + " pages, not " + meta.pageCount());
        }
        pageTable = decoded;
        return decoded;
    }

    /**
     * Verifies, decodes and keeps the filter.
     *
     * @param stored exactly the bytes at {@link #filterOffset}; kept, and must not change
     * @param where they lie, named by errors
     * @throws io.lazystate.error.LazyStateException CORRUPT
     */
    public KeyFilter installFilter(byte[] stored, Where where) {
        verify(stored, meta.filterBytes(), meta.filterCrc32c(), "key filter", where);
        KeyFilter decoded = KeyFilter.fromBytes(stored, where);
        filter = decoded;
        return decoded;
    }

    /** Object and byte range of a page. */
    public Where where(PageRef page) {
        return object.where(offset + page.offset(), page.length());
    }

    @Override
    public String toString() {
        return object.name() + "@" + offset;
    }

    private static void verify(byte[] stored, int length, int crc32c, String what, Where where) {
        if (stored.length != length) {
            throw Corruption.of(
                    where, "the " + what + " has " + stored.length + " bytes, not " + length);
        }
        if (Crc32c.of(stored) != crc32c) {
            throw Corruption.of(where, "the " + what + " failed its checksum");
        }
    }
}
