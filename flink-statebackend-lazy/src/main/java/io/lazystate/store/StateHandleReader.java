package io.lazystate.store;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.apache.flink.annotation.Internal;
import org.apache.flink.core.fs.FSDataInputStream;

/**
 * Reads through Flink's stream handles: open, seek, read, close.
 *
 * <p>Cost: whatever the file system behind the handle makes of it; Flink's S3 plugins send two
 * requests. A range beyond the object's stated length fails without a request. Errors: whatever the
 * file system throws counts as a failed read; clients of object stores throw unchecked exceptions,
 * and Flink's S3 plugin lets some of them through.
 */
@Internal
public final class StateHandleReader implements RangedReader {

    private static final int BUFFER_BYTES = 64 * 1024;

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        Where where = object.checkedRange(offset, length);
        byte[] bytes = new byte[length];
        try (FSDataInputStream in = open(object, offset)) {
            readFully(in, bytes, length);
        } catch (IOException | RuntimeException e) {
            throw ReadFailures.toException(e, where);
        }
        return bytes;
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        Where where = object.checkedRange(offset, length);
        boolean complete = false;
        try {
            int crc32c = copy(object, offset, length, target, where);
            complete = true;
            return crc32c;
        } catch (LazyStateException e) {
            throw e; // the local disk's
        } catch (IOException | RuntimeException e) {
            throw ReadFailures.toException(e, where);
        } finally {
            if (!complete) {
                LocalFiles.deleteQuietly(target);
            }
        }
    }

    private static FSDataInputStream open(StoredObject object, long offset) throws IOException {
        FSDataInputStream in = object.handle().openInputStream();
        try {
            if (offset > 0) {
                in.seek(offset);
            }
            return in;
        } catch (IOException | RuntimeException e) {
            try {
                in.close();
            } catch (IOException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw e;
        }
    }

    private static void readFully(FSDataInputStream in, byte[] bytes, int length)
            throws IOException {
        int done = 0;
        while (done < length) {
            int read = in.read(bytes, done, length - done);
            if (read < 0) {
                throw new EOFException((length - done) + " of " + length + " bytes are not there");
            }
            done += read;
        }
    }

    private static int copy(StoredObject object, long offset, long length, Path target, Where where)
            throws IOException {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[(int) Math.min(BUFFER_BYTES, Math.max(length, 1))];
        try (OutputStream out = LocalFiles.create(target, where);
                FSDataInputStream in = open(object, offset)) {
            for (long left = length; left > 0; ) {
                int chunk = (int) Math.min(left, buffer.length);
                readFully(in, buffer, chunk);
                crc.update(buffer, 0, chunk);
                try {
                    out.write(buffer, 0, chunk);
                } catch (IOException e) {
                    throw LocalFiles.failure(target, where, e);
                }
                left -= chunk;
            }
        }
        return (int) crc.getValue();
    }
}
