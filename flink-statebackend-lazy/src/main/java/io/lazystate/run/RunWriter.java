package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.flink.annotation.Internal;

/**
 * Writes one run to a local file.
 *
 * <p>Shape, threads, ownership, errors: as of {@link TableWriter}. Memory: 8 bytes a row, for the
 * filter.
 */
@Internal
public final class RunWriter implements AutoCloseable {

    private final Path file;
    private final RunFormat format;
    private final TableWriter table;
    private final KeyFilter.Builder filter = KeyFilter.builder();
    private byte[] firstKey = {};
    private byte[] lastKey = new byte[64];
    private int lastKeyLength;
    private long rows;
    private long rawBytes;
    private boolean finished;

    /**
     * @param file to be created, or replaced
     */
    public RunWriter(Path file, RunFormat format) {
        this.file = file;
        this.format = format;
        this.table = new TableWriter(file, format);
    }

    public void put(byte[] key, byte[] value) {
        table.put(key, value);
        added(key, value.length);
    }

    public void remove(byte[] key) {
        table.remove(key);
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
        if (rows == 0) {
            throw new LazyStateException(
                    Kind.INTERNAL, Where.object(file.toString()), "a run needs a row", null);
        }
        table.finish();
        try {
            TableCut cut = TableCut.of(file, format);
            byte[] last = Arrays.copyOf(lastKey, lastKeyLength);
            WrittenRun run = WrittenRun.of(file, cut, filter.build(), rows, firstKey, last);
            finished = true;
            return run;
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
        table.close();
        if (!finished) {
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
}
