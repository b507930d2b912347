package io.lazystate.examples.parquet;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * An open Parquet file.
 *
 * <p>Shape: the footer is {@code FileMetaData}, its length (4 bytes, little-endian), {@code PAR1}.
 * Threads: one. Ownership: the caller closes it.
 */
public final class ParquetFile implements Closeable {
    private static final String MAGIC = "PAR1";
    private static final int TAIL_BYTES = 8;

    private final Path path;
    private final FileChannel channel;
    private final List<ThriftStruct> schema;
    private final List<ThriftStruct> groups;

    private ParquetFile(Path path, FileChannel channel, ThriftStruct footer) {
        this.path = path;
        this.channel = channel;
        this.schema = footer.structs(2);
        this.groups = footer.structs(4);
    }

    /**
     * Opens a file and reads its footer.
     *
     * @throws IllegalArgumentException if it is not a Parquet file
     */
    public static ParquetFile open(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new ParquetFile(path, channel, footer(path, channel));
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    private static ThriftStruct footer(Path path, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size > TAIL_BYTES) {
            ByteBuffer tail = read(channel, size - TAIL_BYTES, TAIL_BYTES);
            int length = tail.getInt();
            String magic = StandardCharsets.US_ASCII.decode(tail).toString();
            if (magic.equals(MAGIC) && length > 0 && length <= size - TAIL_BYTES) {
                try {
                    return ThriftStruct.read(read(channel, size - TAIL_BYTES - length, length));
                } catch (BufferUnderflowException e) {
                    throw new IllegalArgumentException(path + " has a damaged footer", e);
                }
            }
        }
        throw new IllegalArgumentException(
                path + " is no Parquet file: it does not end in " + MAGIC);
    }

    /** How many row groups it has. */
    public int rowGroups() {
        return groups.size();
    }

    /** One row group, from 0; nothing of it is read yet. */
    public RowGroup rowGroup(int number) {
        return new RowGroup(this, groups.get(number));
    }

    ThriftStruct schemaOf(String column) {
        for (ThriftStruct element : schema.subList(1, schema.size())) {
            if (element.string(4).equals(column)) {
                return element;
            }
        }
        throw new IllegalArgumentException(path + " has no column '" + column + "'");
    }

    ByteBuffer read(long position, int length) throws IOException {
        return read(channel, position, length);
    }

    IllegalArgumentException refused(String column, String cause) {
        return new IllegalArgumentException(
                path
                        + " column '"
                        + column
                        + "' "
                        + cause
                        + ", which this small reader does not know; convert the file to CSV");
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private static ByteBuffer read(FileChannel channel, long position, int length)
            throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new EOFException("The Parquet file ends before " + (position + length));
            }
        }
        return bytes.flip();
    }
}
