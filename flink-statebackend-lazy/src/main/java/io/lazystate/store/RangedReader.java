package io.lazystate.store;

import java.nio.file.Path;
import org.apache.flink.annotation.Internal;

/**
 * The read port: fetches byte ranges of immutable objects.
 *
 * <p>Units: offsets and lengths in bytes. Threads: any. Cost: one request a call, however it ends,
 * unless a reader says otherwise. Ownership: whoever makes a reader releases it.
 *
 * <p>Errors of both methods are {@code LazyStateException}s whose {@code where} names object and
 * range: UNAVAILABLE (an I/O error, a retry may help), CORRUPT (the object is missing for good, or
 * shorter than asked), INVALID (the store refuses us: settings must change), CLOSED (the thread was
 * interrupted, its interrupt flag is set again; or the reader was released).
 */
@Internal
public interface RangedReader {

    /**
     * Reads exactly {@code length} bytes at {@code offset}.
     *
     * <p>Ownership: the array is the caller's.
     */
    byte[] read(StoredObject object, long offset, int length);

    /**
     * Streams a range to a local file, replacing it, and returns the CRC32C of what was written.
     *
     * <p>Ownership: the file is the caller's; if the call throws, the file is gone. A full or
     * broken local disk is UNAVAILABLE too, and the message says so.
     */
    int download(StoredObject object, long offset, long length, Path target);

    /** Gives back what the reader holds, if anything; reads under way may fail as CLOSED. */
    default void release() {}
}
