package io.lazystate.store;

import io.lazystate.metrics.LoadCause;
import java.nio.file.Path;
import org.apache.flink.annotation.Internal;

/**
 * Fetches byte ranges of immutable objects and hands over only what passes the caller's check,
 * whichever copy of the bytes that takes.
 *
 * <p>Threads: any. Errors: as of {@link RangedReader} and of the check; if no copy is sound, it is
 * the error that the object itself met.
 */
@Internal
public interface VerifiedReader {

    /**
     * Reads a range and returns what the check made of it.
     *
     * @param range at most 2 GB
     * @param cause for whom
     */
    <T> T read(ObjectRange range, LoadCause cause, Check<T> check);

    /**
     * Copies a range with this CRC32C to a local file, replacing it.
     *
     * <p>Ownership: the file is the caller's, who may move and delete it, but must not change its
     * bytes: they may be those of another file too. If the call throws, the file is gone.
     */
    void download(ObjectRange range, int crc32c, LoadCause cause, Path target);
}
