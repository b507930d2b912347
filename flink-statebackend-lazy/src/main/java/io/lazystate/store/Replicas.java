package io.lazystate.store;

import java.io.Serializable;
import java.net.URI;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.annotation.Internal;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.jspecify.annotations.Nullable;

/**
 * Directories that hold copies of the checkpoint directory, in the order in which they are asked.
 *
 * <p>Shape: a copy of an object lies under each of them at the object's path relative to the
 * checkpoint directory. If the object lies elsewhere (the job was moved here, say), it is the part
 * of its path from the job's id on that counts: {@code <job id>/shared/<file>}, or {@code
 * taskowned} or {@code chk-<n>}. An object without either, or inlined into a checkpoint's metadata,
 * has no copies. Threads: any.
 *
 * @param directories URIs or paths as Flink reads them
 * @param checkpoints the checkpoint directory of the job; null if none is configured
 */
@Internal
public record Replicas(List<String> directories, @Nullable String checkpoints)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    /** No copies. */
    public static final Replicas NONE = new Replicas(List.of(), null);

    private static final Pattern FROM_JOB_ID =
            Pattern.compile("/([0-9a-f]{32}/(?:shared|taskowned|chk-\\d+)/.+)$");

    /**
     * Checks the directories.
     *
     * @throws IllegalArgumentException if one of them is no path
     */
    public Replicas {
        directories = List.copyOf(directories);
        directories.forEach(Path::new);
    }

    /** Where copies of the object may lie. */
    List<StoredObject> of(StoredObject object) {
        Path path = path(object.handle());
        String relative = directories.isEmpty() || path == null ? null : relative(path);
        if (relative == null) {
            return List.of();
        }
        return directories.stream()
                .map(directory -> copy(object, new Path(directory + "/" + relative)))
                .toList();
    }

    private static @Nullable Path path(StreamStateHandle handle) {
        if (handle instanceof SegmentFileStateHandle segment) {
            return segment.getFilePath();
        }
        return handle instanceof FileStateHandle file ? file.getFilePath() : null;
    }

    private static StoredObject copy(StoredObject object, Path path) {
        StreamStateHandle handle =
                object.handle() instanceof SegmentFileStateHandle segment
                        ? new SegmentFileStateHandle(
                                path,
                                segment.getStartPos(),
                                segment.getStateSize(),
                                segment.getScope(),
                                segment.getLogicalFileId())
                        : new FileStateHandle(path, object.length());
        return new StoredObject(object.name(), object.length(), handle);
    }

    private @Nullable String relative(Path path) {
        String under = checkpoints == null ? null : under(new Path(checkpoints).toUri(), path);
        if (under != null) {
            return under;
        }
        Matcher matcher = FROM_JOB_ID.matcher(path.toUri().getPath());
        return matcher.find() ? matcher.group(1) : null;
    }

    /** The path behind the directory's; null if it lies elsewhere. Schemes have several names. */
    private static @Nullable String under(URI directory, Path path) {
        URI uri = path.toUri();
        String authority = directory.getAuthority();
        if (authority != null && !authority.equals(uri.getAuthority())) {
            return null;
        }
        String prefix = directory.getPath().endsWith("/") ? "" : "/";
        prefix = directory.getPath() + prefix;
        return uri.getPath().startsWith(prefix) ? uri.getPath().substring(prefix.length()) : null;
    }
}
