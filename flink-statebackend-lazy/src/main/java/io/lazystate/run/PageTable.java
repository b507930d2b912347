package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one run, in key order.
 *
 * <p>Shape: at least one page; first keys strictly increase; the pages lie one after the other from
 * the run's first byte on. Immutable, any thread. The bytes are spelled out in {@code
 * run/package-info}.
 */
@Internal
public final class PageTable {

    private final PageRef[] pages;

    private PageTable(PageRef[] pages) {
        this.pages = pages;
    }

    /**
     * The table of these pages.
     *
     * @throws LazyStateException INTERNAL if they do not follow each other in keys and bytes
     */
    public static PageTable of(List<PageRef> pages) {
        PageRef[] array = pages.toArray(new PageRef[0]);
        String problem = problemOf(array);
        if (problem != null) {
            throw new LazyStateException(Kind.INTERNAL, Where.NOWHERE, problem, null);
        }
        return new PageTable(array);
    }

    /** How many pages the run has, at least 1. */
    public int pages() {
        return pages.length;
    }

    /** The page with this index, from 0. */
    public PageRef page(int index) {
        return pages[index];
    }

    /**
     * The index of the only page that may hold the key: the last whose first key is at or before
     * it; -1 if the key lies before the first page.
     */
    public int pageFor(byte[] key) {
        int low = 0;
        int high = pages.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Arrays.compareUnsigned(pages[middle].firstKey(), key) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    /** This table as bytes; equal tables give equal bytes. */
    public byte[] toBytes() {
        ByteWriter out = new ByteWriter();
        out.varint(pages.length);
        byte[] previous = {};
        for (PageRef page : pages) {
            out.key(previous, page.firstKey());
            out.u32(page.crc32c());
            out.varint(page.blockLengths().length);
            for (int blockLength : page.blockLengths()) {
                out.varint(blockLength);
            }
            previous = page.firstKey();
        }
        return out.toBytes();
    }

    /**
     * The table that {@link #toBytes} wrote.
     *
     * @throws LazyStateException CORRUPT if the bytes are malformed
     */
    public static PageTable fromBytes(byte[] bytes) {
        return fromBytes(bytes, Where.NOWHERE);
    }

    /**
     * The table that {@link #toBytes} wrote.
     *
     * @param where the bytes lie, named by errors
     * @throws LazyStateException CORRUPT if the bytes are malformed
     */
    public static PageTable fromBytes(byte[] bytes, Where where) {
        ByteReader in = new ByteReader(bytes, 0, bytes.length, "page table", where);
        PageRef[] pages = new PageRef[in.count(7)];
        byte[] previous = {};
        long offset = 0;
        for (int i = 0; i < pages.length; i++) {
            pages[i] = readPage(in, previous, offset);
            previous = pages[i].firstKey();
            offset = pages[i].endOffset();
        }
        in.end();
        String problem = problemOf(pages);
        if (problem != null) {
            throw in.corrupt(problem);
        }
        return new PageTable(pages);
    }

    private static PageRef readPage(ByteReader in, byte[] previous, long offset) {
        byte[] firstKey = in.key(previous);
        int crc32c = in.u32();
        int[] blockLengths = new int[in.count(1)];
        int length = 0;
        for (int i = 0; i < blockLengths.length; i++) {
            blockLengths[i] = in.varint();
            length += blockLengths[i];
            if (length < 0) {
                throw in.corrupt("a page is larger than 2 GB");
            }
        }
        return new PageRef(firstKey, offset, length, crc32c, blockLengths);
    }

    private static @Nullable String problemOf(PageRef[] pages) {
        if (pages.length == 0) {
            return "it has no page";
        }
        long offset = 0;
        for (int i = 0; i < pages.length; i++) {
            PageRef page = pages[i];
            if (i > 0 && Arrays.compareUnsigned(pages[i - 1].firstKey(), page.firstKey()) >= 0) {
                return "page " + i + " does not start after the page before it";
            }
            if (page.offset() != offset || page.length() <= 0) {
                return "page " + i + " does not lie behind the page before it";
            }
            offset = page.endOffset();
        }
        return null;
    }
}
