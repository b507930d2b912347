package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Objects;
import org.apache.flink.annotation.Internal;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.jspecify.annotations.Nullable;

/**
 * An immutable object of the checkpoint store: its name, its length, and how to open it.
 *
 * <p>Shape: the name is unique inside a manifest; two objects are equal if their names are, since
 * Flink may hand out another handle (placeholder, relative, merged file) for the same bytes. Units:
 * the length in bytes. Threads: any. Ownership: none, the handle is never discarded from here.
 *
 * @param name unique inside a manifest
 * @param length in bytes
 * @param handle opens the bytes
 */
@Internal
public record StoredObject(String name, long length, StreamStateHandle handle) {

    public StoredObject {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(handle, "handle");
    }

    /**
     * Where an operator finds the bytes: the path of their file, or the file they are inlined in.
     */
    public String location() {
        if (handle instanceof SegmentFileStateHandle segment) {
            return segment.getFilePath() + " from byte " + segment.getStartPos();
        }
        if (handle instanceof ByteStreamStateHandle) {
            // A manifest's name is that of a file that does not exist.
            return name + " (inlined into the checkpoint's _metadata)";
        }
        return handle.maybeGetPath().map(Path::toString).orElse(name);
    }

    /** A range of the object, for errors. */
    public Where where(long offset, long rangeLength) {
        return Where.object(location()).withRange(offset, rangeLength);
    }

    /** The range, if the object is said to have it; throws CORRUPT or INTERNAL else. */
    Where checkedRange(long offset, long rangeLength) {
        Where where = where(offset, rangeLength);
        if (offset < 0 || rangeLength < 0) {
            throw new LazyStateException(Kind.INTERNAL, where, "negative offset or length", null);
        }
        if (rangeLength > length - offset) {
            throw ReadFailures.tooShort(where, length, null);
        }
        return where;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof StoredObject that && name.equals(that.name);
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return name + " (" + length + " bytes)";
    }
}
