package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.annotation.Internal;

/**
 * The keys of one state that changed between two rotations of its {@link ChangeLog}; immutable.
 *
 * <p>Ownership: reference counted, starting with one reference, which is the caller's of {@link
 * ChangeLog#rotate()}. A checkpoint attempt that may still need the interval holds a reference of
 * its own (an aborted attempt's changes belong to the next one). The last release frees the memory
 * and deletes the spill file, also after the log was closed. Read through {@link
 * ChangedKeys#merge}. Threads: any.
 */
@Internal
public final class ChangeInterval {

    private final SpillFile file;
    private final List<ChangeChunk> chunks;
    private final long keysAtMost;
    private final AtomicInteger references = new AtomicInteger(1);

    /**
     * @param file what the chunks are spilled to; belongs to the interval now
     */
    ChangeInterval(SpillFile file, List<ChangeChunk> chunks) {
        this.file = file;
        this.chunks = List.copyOf(chunks);
        this.keysAtMost = chunks.stream().mapToLong(ChangeChunk::keys).sum();
    }

    /** Whether nothing changed. */
    public boolean isEmpty() {
        return keysAtMost == 0;
    }

    /** An upper bound of the distinct keys: a key counts once in every chunk it occurs in. */
    public long keysAtMost() {
        return keysAtMost;
    }

    /**
     * Adds a reference, to be given back with {@link #release()}.
     *
     * @return this
     * @throws LazyStateException CLOSED if the last reference is gone
     */
    public ChangeInterval retain() {
        int before = references.getAndUpdate(count -> count == 0 ? 0 : count + 1);
        if (before == 0) {
            throw new LazyStateException(
                    Kind.CLOSED,
                    Where.NOWHERE,
                    "A change log interval was used after its last release",
                    null);
        }
        return this;
    }

    /**
     * Gives a reference back; the last one frees the memory and deletes the spill file.
     *
     * @throws LazyStateException INTERNAL if there is none left
     */
    public void release() {
        int before = references.getAndUpdate(count -> count == 0 ? 0 : count - 1);
        if (before == 0) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    Where.NOWHERE,
                    "A change log interval was released more often than retained",
                    null);
        }
        if (before == 1) {
            chunks.forEach(ChangeChunk::release);
            file.delete();
        }
    }

    /** Gives the spill file's descriptor back until someone reads it again. */
    void suspend() {
        file.suspend();
    }

    /** The chunks; usable while the caller holds a reference. */
    List<ChangeChunk> chunks() {
        return chunks;
    }
}
