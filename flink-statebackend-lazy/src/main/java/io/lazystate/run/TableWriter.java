package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.nio.file.Path;
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
 * Writes rows to a local file in RocksDB table format: the table of a run, or a file that is only
 * to be linked.
 *
 * <p>Shape: rows come in strictly increasing key order, unsigned, and there is at least one.
 * Threads: one. Ownership: the arrays given are not kept; closed without {@link #finish}, it
 * deletes the file. RocksDB's native library must have been loaded. Errors: UNAVAILABLE (the local
 * disk), INTERNAL (keys out of order, no rows).
 */
@Internal
public final class TableWriter implements AutoCloseable {

    /** The last one whose index is not delta-encoded. */
    static final int FORMAT_VERSION = 3;

    private static final int RESTART_INTERVAL = 16;

    private final Path file;
    private final Options options;
    private final EnvOptions envOptions;
    private final SstFileWriter table;
    private boolean open = true;

    /**
     * @param file to be created, or replaced
     */
    public TableWriter(Path file, RunFormat format) {
        this.file = file;
        this.options = options(format);
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
    }

    public void remove(byte[] key) {
        requireOpen();
        try {
            table.delete(key);
        } catch (RocksDBException e) {
            throw failed("write to", e);
        }
    }

    /** Completes the file and syncs it; the caller owns it, and the writer is done. */
    public void finish() {
        requireOpen();
        try {
            table.finish();
            closeNative();
        } catch (RocksDBException e) {
            throw failed("finish", e);
        }
    }

    @Override
    public void close() {
        if (open) {
            closeNative();
            WrittenRun.deleteQuietly(file);
        }
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
    private static Options options(RunFormat format) {
        BlockBasedTableConfig table =
                new BlockBasedTableConfig()
                        .setFormatVersion(FORMAT_VERSION)
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
                        + " the local file: "
                        + e.getMessage()
                        + (ours ? "" : "; check the local disk"),
                e);
    }
}
