package io.lazystate.run;

import io.lazystate.error.Where;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * A finished table file, cut into pages.
 *
 * @param pageTable of the pages
 * @param tableBytes length of the file
 * @param tableCrc32c over the file
 */
record TableCut(PageTable pageTable, long tableBytes, int tableCrc32c) {

    private static final int BUFFER_BYTES = 64 * 1024;

    /** Reads the file once; of each page the first block is decompressed, for its first key. */
    static TableCut of(Path file, RunFormat format) throws IOException {
        Where where = Where.object(file.toString());
        CRC32C tableCrc = new CRC32C();
        List<PageRef> pages = new ArrayList<>();
        try (TableFile table = new TableFile(file)) {
            OpenPage open = new OpenPage();
            for (int blockLength : table.dataBlocks()) {
                byte[] block = new byte[blockLength];
                table.readFully(block, blockLength);
                tableCrc.update(block, 0, blockLength);
                open.add(block, where);
                // A block is a page if pages shall not be larger: RocksDB may close one early.
                if (open.rawBytes >= format.pageBytes()
                        || format.pageBytes() <= format.blockBytes()) {
                    pages.add(open.close());
                }
            }
            if (!open.blockLengths.isEmpty()) {
                pages.add(open.close());
            }
            long length = table.length();
            readRest(table, length - open.offset, tableCrc);
            return new TableCut(PageTable.of(pages), length, (int) tableCrc.getValue());
        }
    }

    private static void readRest(TableFile table, long length, CRC32C crc) throws IOException {
        byte[] buffer = new byte[(int) Math.min(BUFFER_BYTES, length)];
        for (long left = length; left > 0; left -= buffer.length) {
            int chunk = (int) Math.min(left, buffer.length);
            table.readFully(buffer, chunk);
            crc.update(buffer, 0, chunk);
        }
    }

    /** The page that blocks are being added to. */
    private static final class OpenPage {
        private final CRC32C crc = new CRC32C();
        private final List<Integer> blockLengths = new ArrayList<>();
        private byte[] firstKey = {};
        private long offset;
        private int length;
        private long rawBytes;

        void add(byte[] stored, Where where) {
            StoredBlock block = StoredBlock.verify(stored, 0, stored.length, where);
            if (blockLengths.isEmpty()) {
                firstKey = firstKey(block, where);
            }
            crc.update(stored, 0, stored.length);
            blockLengths.add(stored.length);
            length = Math.addExact(length, stored.length);
            rawBytes += block.rawBytes();
        }

        PageRef close() {
            int[] lengths = blockLengths.stream().mapToInt(Integer::intValue).toArray();
            PageRef page = new PageRef(firstKey, offset, length, (int) crc.getValue(), lengths);
            offset += length;
            length = 0;
            rawBytes = 0;
            blockLengths.clear();
            crc.reset();
            return page;
        }

        private static byte[] firstKey(StoredBlock block, Where where) {
            byte[] raw = block.decompress();
            BlockCursor entries = new BlockCursor(raw, where);
            entries.reset(0, raw.length);
            entries.next();
            int length = entries.keyLength() - RawBlocks.KEY_SUFFIX_BYTES;
            return Arrays.copyOf(entries.keyBuffer(), length);
        }
    }
}
