package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Reads objects of S3 and R2 by ranged GETs over connections that stay open.
 *
 * <p>Cost: {@link #read} is one GET, and a second one when the first is not answered for long
 * ({@link S3Limits}); {@link #download} is one for each part, and parts are equal. What is
 * UNAVAILABLE is tried again here, part by part, each from where it was cut. Threads: any;
 * interrupting the calling one ends the read at once. Memory: what {@code read} returns, twice if
 * hedged, and a buffer for each part.
 */
final class S3Reader implements RangedReader {

    private final S3Connections connections;
    private final Retries retries;

    S3Reader(S3Connections connections, Retries retries) {
        this.connections = connections;
        this.retries = retries;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        Where where = object.checkedRange(offset, length);
        if (length == 0) {
            return new byte[0];
        }
        S3Range range = S3Range.of(location(object, where), where);
        return retries.run(() -> new S3Race(connections, range, retries.metrics()).run());
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        Where where = object.checkedRange(offset, length);
        S3Location location = location(object, where);
        boolean complete = false;
        try (FileChannel file = create(target, where)) {
            int crc32c =
                    length == 0
                            ? 0
                            : new S3Download(
                                            connections,
                                            retries,
                                            S3Range.of(location, where),
                                            new S3Download.Target(target, file))
                                    .run();
            complete = true;
            return crc32c;
        } catch (IOException e) {
            complete = false; // the file could not be closed
            throw LocalFiles.failure(target, where, e);
        } finally {
            if (!complete) {
                LocalFiles.deleteQuietly(target);
            }
        }
    }

    private static FileChannel create(Path target, Where where) {
        try {
            return FileChannel.open(
                    target,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING,
                    StandardOpenOption.WRITE);
        } catch (IOException e) {
            throw LocalFiles.failure(target, where, e);
        }
    }

    private static S3Location location(StoredObject object, Where where) {
        S3Location location = S3Location.of(object);
        if (location == null) {
            throw new LazyStateException(Kind.INTERNAL, where, "not an object of S3", null);
        }
        return location;
    }
}
