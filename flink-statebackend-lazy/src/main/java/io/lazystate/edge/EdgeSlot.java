package io.lazystate.edge;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * A directory that is this process's alone for as long as it is held, since processes may be given
 * the same one to cache in. A process that comes back takes the first that is free, so it finds
 * what it left.
 */
final class EdgeSlot implements Closeable {
    /** Processes that may share a directory. */
    static final int SLOTS = 8;

    private final Path directory;
    private final String claim;
    private final FileChannel channel;

    private EdgeSlot(Path directory, String claim, FileChannel channel) {
        this.directory = directory;
        this.claim = claim;
        this.channel = channel;
    }

    /**
     * Takes the first slot that is free.
     *
     * @return null if others hold all of them
     * @throws IOException if the directory cannot be written to, or files cannot be locked
     */
    static @Nullable EdgeSlot take(Path parent) throws IOException {
        for (int i = 0; i < SLOTS; i++) {
            Path directory = Files.createDirectories(parent.resolve("slot-" + i));
            EdgeSlot slot = tryTake(directory.toRealPath());
            if (slot != null) {
                return slot;
            }
        }
        return null;
    }

    private static @Nullable EdgeSlot tryTake(Path directory) throws IOException {
        // A lock is the process's, and gone when any channel of the file is closed: classes of ours
        // in another class loader must not even open it.
        String claim = EdgeSlot.class.getName() + " " + directory;
        Properties ofProcess = System.getProperties();
        if (ofProcess.putIfAbsent(claim, "") != null) {
            return null;
        }
        FileChannel channel = null;
        FileLock lock = null;
        try {
            channel =
                    FileChannel.open(
                            directory.resolve("lock"),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE);
            lock = channel.tryLock();
            return lock == null ? null : new EdgeSlot(directory, claim, channel);
        } finally {
            if (lock == null) {
                if (channel != null) {
                    channel.close();
                }
                ofProcess.remove(claim);
            }
        }
    }

    Path directory() {
        return directory;
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            System.getProperties().remove(claim);
        }
    }
}
