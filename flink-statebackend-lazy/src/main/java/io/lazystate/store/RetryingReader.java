package io.lazystate.store;

import java.nio.file.Path;
import org.apache.flink.annotation.Internal;

/**
 * Repeats what another reader found UNAVAILABLE, a bounded number of times; see {@link Retries}.
 *
 * <p>Threads: any.
 */
@Internal
public final class RetryingReader implements RangedReader {

    private final RangedReader reader;
    private final Retries retries;

    public RetryingReader(RangedReader reader, Retries retries) {
        this.reader = reader;
        this.retries = retries;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        return retries.run(() -> reader.read(object, offset, length));
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        return retries.run(() -> reader.download(object, offset, length, target));
    }

    @Override
    public void release() {
        reader.release();
    }
}
