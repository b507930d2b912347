package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A local RocksDB table file, read as far as its pages need it: footer and index.
 *
 * <p>Not thread-safe. Errors of reading are IOExceptions: the file is our own and was just written.
 * A table that is not of the kind that {@link RunWriter} writes is INTERNAL.
 */
final class TableFile implements Closeable {

    private static final int FOOTER_BYTES = 53;
    private static final int MAGIC_LOW = 0x85f4cff7;
    private static final int MAGIC_HIGH = 0x88e241b7;
    private static final int XX_HASH_64_CHECKSUM = 3;

    /** Not {@code FileChannel}: an interrupt would close it half way. */
    private final RandomAccessFile file;

    private final Where where;

    TableFile(Path path) throws IOException {
        this.file = new RandomAccessFile(path.toFile(), "r");
        this.where = Where.object(path.toString());
    }

    long length() throws IOException {
        return file.length();
    }

    /** Reads the next bytes; {@link #dataBlocks()} moves the position. */
    void readFully(byte[] target, int length) throws IOException {
        file.readFully(target, 0, length);
    }

    /** Lengths of the data blocks, trailers included; the file starts with them. Rewinds. */
    List<Integer> dataBlocks() throws IOException {
        byte[] index = indexBlock();
        int restarts = StoredBlock.intAt(index, index.length - 4);
        BlockCursor entries = new BlockCursor(index, where);
        entries.reset(0, index.length - 4 - 4 * restarts);
        List<Integer> lengths = new ArrayList<>();
        long expected = 0;
        while (entries.next()) {
            int from = entries.valueOffset();
            int to = from + entries.valueLength();
            ByteReader handle = new ByteReader(index, from, to, "block handle", where);
            if (handle.varlong() != expected) {
                throw unexpected("its data blocks are not contiguous");
            }
            int length = handle.varint() + StoredBlock.TRAILER_BYTES;
            lengths.add(length);
            expected += length;
        }
        file.seek(0);
        return lengths;
    }

    private byte[] indexBlock() throws IOException {
        byte[] footer = new byte[FOOTER_BYTES];
        file.seek(file.length() - FOOTER_BYTES);
        file.readFully(footer);
        if (StoredBlock.intAt(footer, FOOTER_BYTES - 8) != MAGIC_LOW
                || StoredBlock.intAt(footer, FOOTER_BYTES - 4) != MAGIC_HIGH
                || StoredBlock.intAt(footer, FOOTER_BYTES - 12) != TableWriter.FORMAT_VERSION
                || footer[0] != XX_HASH_64_CHECKSUM) {
            throw unexpected("its footer is not of a table that we write");
        }
        ByteReader handles = new ByteReader(footer, 1, FOOTER_BYTES, "footer", where);
        handles.varlong(); // The metaindex: its offset
        handles.varlong(); // and its size.
        long offset = handles.varlong();
        byte[] stored = new byte[handles.varint() + StoredBlock.TRAILER_BYTES];
        file.seek(offset);
        file.readFully(stored);
        return StoredBlock.verify(stored, 0, stored.length, where).decompress();
    }

    private LazyStateException unexpected(String problem) {
        return new LazyStateException(
                Kind.INTERNAL,
                where,
                "RocksDB wrote a table that we cannot read: " + problem,
                null);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
