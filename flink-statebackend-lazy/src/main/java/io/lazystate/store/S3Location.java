package io.lazystate.store;

import java.net.URI;
import java.util.Set;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.jspecify.annotations.Nullable;

/**
 * Where the bytes of an object lie in S3: a key, or a segment of a merged file.
 *
 * @param start offset of the object's first byte in the key
 */
record S3Location(String bucket, String key, long start) {

    /** As Flink's S3 file systems are registered, old ones included. */
    private static final Set<String> SCHEMES = Set.of("s3", "s3a", "s3n", "s3p");

    /** How names of S3 Express and of Outposts end: they are signed in ways that we do not know. */
    private static final Set<String> NOT_OURS = Set.of("--x-s3", "--xa-s3", "--op-s3");

    /** The place of an object, or null if it is not an object of S3: inlined, or elsewhere. */
    static @Nullable S3Location of(StoredObject object) {
        StreamStateHandle handle = object.handle();
        if (handle instanceof SegmentFileStateHandle segment) {
            return of(segment.getFilePath(), segment.getStartPos());
        }
        return handle instanceof FileStateHandle file ? of(file.getFilePath(), 0) : null;
    }

    private static @Nullable S3Location of(@Nullable Path path, long start) {
        if (path == null) {
            return null; // an empty segment
        }
        URI uri = path.toUri();
        String bucket = uri.getAuthority();
        String key = uri.getPath();
        if (!SCHEMES.contains(String.valueOf(uri.getScheme()))
                || bucket == null
                || bucket.contains("@") // keys inside a path: a Hadoop habit that we leave to it
                || NOT_OURS.stream().anyMatch(bucket::endsWith)
                || key == null
                || key.length() < 2) {
            return null;
        }
        return new S3Location(bucket, key.substring(1), start);
    }
}
