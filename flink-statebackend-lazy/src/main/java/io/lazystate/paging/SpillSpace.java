package io.lazystate.paging;

import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Where the ended chunks of one change log are kept: on the heap up to a bound, then in files.
 *
 * <p>The rule: an interval that ends may leave its last chunk on the heap while the log's ended
 * chunks hold at most <em>twice</em> {@code chunkBytes} there; otherwise it is written to disk at
 * once. Whoever sorts a chunk writes it to disk if they hold more than <em>once</em> {@code
 * chunkBytes}. So checkpoints that come one by one touch no disk in their synchronous phase, and
 * those that are aborted before they sort anything cannot pile up. Threads: any.
 */
final class SpillSpace {

    private final Path directory;
    private final int chunkBytes;
    private final String prefix = "changes-" + UUID.randomUUID() + "-";
    private final AtomicLong files = new AtomicLong();
    private final AtomicLong heldBytes = new AtomicLong();

    SpillSpace(Path directory, int chunkBytes) {
        this.directory = directory;
        this.chunkBytes = chunkBytes;
    }

    /** A new file, not yet on disk; its name is used by no other log. */
    SpillFile newFile() {
        return new SpillFile(directory.resolve(prefix + files.getAndIncrement()));
    }

    /** Whether an ended chunk of that size may stay on the heap until it is sorted. */
    boolean hasRoomFor(int bytes) {
        return heldBytes.get() + bytes <= 2L * chunkBytes;
    }

    /** Whether a sorted chunk should leave the heap. */
    boolean isCrowded() {
        return heldBytes.get() > chunkBytes;
    }

    /** Counts bytes of ended chunks that are now on the heap; negative: no longer. */
    void hold(long bytes) {
        heldBytes.addAndGet(bytes);
    }

    /** Bytes of ended chunks on the heap. */
    long heldBytes() {
        return heldBytes.get();
    }
}
