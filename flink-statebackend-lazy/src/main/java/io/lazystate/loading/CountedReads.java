package io.lazystate.loading;

import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import org.apache.flink.annotation.Internal;

/** Notes for whom bytes are read that do not pass a {@link PageLoader}. Threads: any. */
@Internal
public record CountedReads(RangedReader reader, LoadCause cause, LoadingMetrics metrics)
        implements RangedReader {
    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        byte[] bytes = reader.read(object, offset, length);
        metrics.loaded(cause, 0, length);
        return bytes;
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        int crc32c = reader.download(object, offset, length, target);
        metrics.loaded(cause, 0, length);
        return crc32c;
    }
}
