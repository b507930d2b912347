package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One local file of a change log; it comes into being with its first byte and does not outlive the
 * process's use of it.
 *
 * <p>Threads: any; a call holds the file's lock for one read or write. The file is opened when it
 * is needed and stays open until {@link #suspend()}, so that intervals that wait hold no
 * descriptor. It is a {@link RandomAccessFile} since a channel would be closed by the interrupt of
 * one of its threads, and would cache direct memory for each of them.
 *
 * <p>Errors: UNAVAILABLE with the path; a failed write leaves the file's end where it was, so the
 * call can be repeated.
 */
class SpillFile {

    private static final Logger LOG = LoggerFactory.getLogger(SpillFile.class);

    private final Path path;
    private @Nullable RandomAccessFile file;
    private long length;
    private boolean created;
    private boolean deleted;

    SpillFile(Path path) {
        this.path = path;
    }

    /**
     * Appends the first {@code count} bytes of an array.
     *
     * @return the offset of the first one in the file
     */
    synchronized long append(byte[] bytes, int count) {
        long offset = length;
        write(offset, bytes, count);
        length = offset + count;
        return offset;
    }

    /** Writes the first {@code count} bytes of an array over what is at an offset. */
    synchronized void write(long offset, byte[] bytes, int count) {
        try {
            RandomAccessFile open = open();
            open.seek(offset);
            open.write(bytes, 0, count);
        } catch (IOException e) {
            throw failed("written", offset, count, e);
        }
    }

    /** Reads {@code count} bytes at an offset into an array, from {@code start} on. */
    synchronized void read(long offset, byte[] bytes, int start, int count) {
        try {
            RandomAccessFile open = open();
            open.seek(offset);
            open.readFully(bytes, start, count);
        } catch (EOFException e) {
            throw corrupt(offset, count, "is cut short", e);
        } catch (IOException e) {
            throw failed("read", offset, count, e);
        }
    }

    /** Closes the file until the next call that needs it. */
    synchronized void suspend() {
        RandomAccessFile open = file;
        file = null;
        if (open != null) {
            try {
                open.close();
            } catch (IOException e) {
                // Nothing was buffered; if bytes are lost after all, the checksums will tell.
                LOG.warn("Could not close spill file {}", path, e);
            }
        }
    }

    /** Closes and deletes the file, if there is one; failures are logged: callers clean up. */
    synchronized void delete() {
        deleted = true;
        suspend();
        if (!created) {
            return;
        }
        created = false;
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            LOG.warn("Could not delete spill file {}; delete it by hand", path, e);
        }
    }

    /** The error for bytes that are not what was written. */
    LazyStateException corrupt(long offset, long count, String problem, @Nullable Throwable cause) {
        return new LazyStateException(
                Kind.CORRUPT,
                Where.object(path.toString()).withRange(offset, count),
                "A spill file of the change log "
                        + problem
                        + "; the local disk or another process damaged it: restart the job from its"
                        + " last checkpoint, on another disk",
                cause);
    }

    private RandomAccessFile open() throws IOException {
        RandomAccessFile open = file;
        if (open != null) {
            return open;
        }
        if (deleted) {
            throw new LazyStateException(
                    Kind.CLOSED,
                    Where.object(path.toString()),
                    "The changes in this spill file were released",
                    null);
        }
        Path directory = path.getParent();
        if (directory != null) {
            Files.createDirectories(directory);
        }
        open = new RandomAccessFile(path.toFile(), "rw");
        created = true;
        file = open;
        return open;
    }

    private LazyStateException failed(String verb, long offset, int count, IOException cause) {
        return new LazyStateException(
                Kind.UNAVAILABLE,
                Where.object(path.toString()).withRange(offset, count),
                "A spill file of the change log could not be "
                        + verb
                        + " ("
                        + cause.getMessage()
                        + "); disk full? Free space in "
                        + path.getParent()
                        + ", or move it with state.backend.rocksdb.localdir or io.tmp.dirs",
                cause);
    }
}
