package io.lazystate.store;

import java.nio.file.Path;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.annotation.Internal;

/**
 * Counts what another reader is asked for.
 *
 * <p>A request counts when it starts, so failed ones count too; bytes count when they have arrived.
 * Threads: any; a sum read while requests are under way may lag behind them.
 */
@Internal
public final class CountingReader implements RangedReader {

    private final RangedReader reader;
    private final LongAdder pageReads = new LongAdder();
    private final LongAdder fileReads = new LongAdder();
    private final LongAdder bytes = new LongAdder();

    public CountingReader(RangedReader reader) {
        this.reader = reader;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        pageReads.increment();
        byte[] read = reader.read(object, offset, length);
        bytes.add(length);
        return read;
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        fileReads.increment();
        int crc32c = reader.download(object, offset, length, target);
        bytes.add(length);
        return crc32c;
    }

    @Override
    public void release() {
        reader.release();
    }

    /** Requests of both kinds. */
    public long requests() {
        return pageReads() + fileReads();
    }

    /** Calls of {@link #read}. */
    public long pageReads() {
        return pageReads.sum();
    }

    /** Calls of {@link #download}. */
    public long fileReads() {
        return fileReads.sum();
    }

    /** Bytes that arrived. */
    public long bytes() {
        return bytes.sum();
    }
}
