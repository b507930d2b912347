package io.lazystate.run;

import org.apache.flink.annotation.Internal;

/**
 * The sizes that a run is written with.
 *
 * <p>A reader needs neither: they only decide where blocks and pages end.
 *
 * @param pageBytes raw bytes at which a page is closed, at least 1
 * @param blockBytes raw bytes at which RocksDB closes a data block, at least 1
 */
@Internal
public record RunFormat(int pageBytes, int blockBytes) {

    /**
     * RocksDB's blocks inside larger pages: its own default, since a linked file is read by block
     * until a compaction writes it anew.
     */
    public static final int MAX_BLOCK_BYTES = 4 * 1024;

    private static final int SMALL_PAGE_BYTES = 16 * 1024;

    public RunFormat {
        if (pageBytes < 1 || blockBytes < 1) {
            throw new IllegalArgumentException(
                    "sizes must be positive: " + pageBytes + ", " + blockBytes);
        }
    }

    /** Pages of this size, with blocks of 4 KB or of the page size if that is smaller. */
    public static RunFormat ofPages(int pageBytes) {
        return new RunFormat(pageBytes, Math.min(MAX_BLOCK_BYTES, pageBytes));
    }

    /** The same blocks in pages of 16 KB at most: for rows of which few are read at a time. */
    public RunFormat withSmallPages() {
        return new RunFormat(Math.min(pageBytes, SMALL_PAGE_BYTES), blockBytes);
    }
}
