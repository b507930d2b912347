package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.flink.annotation.Internal;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.ChecksumType;
import org.rocksdb.CompressionType;
import org.rocksdb.DataBlockIndexType;
import org.rocksdb.EnvOptions;
import org.rocksdb.IndexType;
import org.rocksdb.Options;
import org.rocksdb.RocksDBException;
import org.rocksdb.SstFileWriter;
import org.rocksdb.Status;

/**
 * Writes one run to a local file.
 *
 * <p>Shape: rows come in strictly increasing key order, unsigned, and there is at least one.
 * Threads: one. Ownership: the arrays given are not kept; closed without {@link #finish}, it
 * deletes the file. RocksDB's native library must have been loaded. Memory: 8 bytes a row, for the
 * filter. Errors: UNAVAILABLE (the local disk), INTERNAL (keys out of order, no rows).
 */
@Internal
public final class RunWriter implements AutoCloseable {

    /** The last one whose index is not delta-encoded. */
    static final int TABLE_FORMAT_VERSION = 3;

    private static final int RESTART_INTERVAL = 16;

    private final Path file;
    private final RunFormat format;
    private final Options options;
    private final EnvOptions envOptions;
    private final SstFileWriter table;
    private final KeyFilter.Builder filter = KeyFilter.builder();
    private byte[] firstKey = {};
    private byte[] lastKey = new byte[64];
    private int lastKeyLength;
    private long rows;
    private long rawBytes;
    private boolean open = true;

    /**
     * @param file to be created, or replaced
     */
    public RunWriter(Path file, RunFormat format) {
        this.file = file;
        this.format = format;
        this.options = tableOptions(format);
        this.envOptions = new EnvOptions();
        this.table = new SstFileWriter(envOptions, options);
        try {
            table.open(file.toString());
        } catch (RocksDBException e) {
            close();
            throw failed("create", e);
        }
    }

    public void put(byte[] key, byte[] value) {
        requireOpen();
        try {
            table.put(key, value);
        } catch (RocksDBException e) {
            throw failed("write to", e);
        }
        added(key, value.length);
    }

    public void remove(byte[] key) {
        requireOpen();
        try {
            table.delete(key);
        } catch (RocksDBException e) {
            throw failed("write to", e);
        }
        added(key, 0);
    }

    /** Rows so far, PUT and REMOVE. */
    public long rows() {
        return rows;
    }

    /** Key and value bytes so far, not compressed: where to cut extents. */
    public long rawBytes() {
        return rawBytes;
    }

    /**
     * Finishes the table, cuts it into pages and computes the checksums.
     *
     * <p>Ownership: the caller closes what is returned; the writer is done. Cost: the file is
     * synced, then read once, and of each page the first block is decompressed.
     */
    public WrittenRun finish() {
        requireOpen();
        if (rows == 0) {
            throw new LazyStateException(
                    Kind.INTERNAL, Where.object(file.toString()), "a run needs a row", null);
        }
        try {
            table.finish();
            TableCut cut = TableCut.of(file, format);
            byte[] last = Arrays.copyOf(lastKey, lastKeyLength);
            WrittenRun run = WrittenRun.of(file, cut, filter.build(), rows, firstKey, last);
            closeNative();
            return run;
        } catch (RocksDBException e) {
            throw failed("finish", e);
        } catch (IOException e) {
            throw new LazyStateException(
                    Kind.UNAVAILABLE,
                    Where.object(file.toString()),
                    "cannot read the local file back: " + e + "; check the local disk",
                    e);
        }
    }

    @Override
    public void close() {
        if (open) {
            closeNative();
            WrittenRun.deleteQuietly(file);
        }
    }

    private void added(byte[] key, int valueLength) {
        if (rows == 0) {
            firstKey = key.clone();
        }
        if (key.length > lastKey.length) {
            lastKey = new byte[Math.max(key.length, 2 * lastKey.length)];
        }
        System.arraycopy(key, 0, lastKey, 0, key.length);
        lastKeyLength = key.length;
        filter.add(key);
        rows++;
        rawBytes += key.length + valueLength;
    }

    /** Behind this RocksDB would use freed memory. */
    private void requireOpen() {
        if (!open) {
            throw new IllegalStateException("the writer was finished or closed");
        }
    }

    private void closeNative() {
        open = false;
        table.close();
        envOptions.close();
        options.close();
    }

    /** Everything that decides about bytes is set here: RocksDB's defaults may change. */
    private static Options tableOptions(RunFormat format) {
        BlockBasedTableConfig table =
                new BlockBasedTableConfig()
                        .setFormatVersion(TABLE_FORMAT_VERSION)
                        .setChecksumType(ChecksumType.kxxHash64)
                        .setBlockSize(format.blockBytes())
                        .setBlockAlign(false)
                        .setBlockRestartInterval(RESTART_INTERVAL)
                        .setDataBlockIndexType(DataBlockIndexType.kDataBlockBinarySearch)
                        .setIndexType(IndexType.kBinarySearch)
                        .setIndexBlockRestartInterval(1)
                        .setFilterPolicy(null)
                        .setNoBlockCache(true);
        return new Options()
                .setCompressionType(CompressionType.LZ4_COMPRESSION)
                .setTableFormatConfig(table);
    }

    private LazyStateException failed(String action, RocksDBException e) {
        Status status = e.getStatus();
        boolean ours = status != null && status.getCode() == Status.Code.InvalidArgument;
        return new LazyStateException(
                ours ? Kind.INTERNAL : Kind.UNAVAILABLE,
                Where.object(file.toString()),
                "cannot "
                        + action
                        + " the local run file: "
                        + e.getMessage()
                        + (ours ? "" : "; check the local disk"),
                e);
    }
}
