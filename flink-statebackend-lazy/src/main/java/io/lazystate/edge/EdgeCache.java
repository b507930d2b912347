package io.lazystate.edge;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.zip.CRC32C;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Byte ranges of files of the store on the local disk; see {@code package-info}.
 *
 * <p>It never fails a read: if the disk does, the cache switches itself off until it is opened
 * again, and says so once. What it gives is not verified. Bounds: those of {@link EdgeIndex} and
 * {@link EdgeWriter}; one thread. Threads: any.
 */
@Internal
public final class EdgeCache implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(EdgeCache.class);

    private static final int BUFFER_BYTES = 1 << 20;

    private final EdgeSlot slot;
    private final EdgeFiles files;
    private final EdgeIndex index;
    private final EdgeWriter writer;
    private volatile boolean off;
    private boolean damageReported;

    private EdgeCache(EdgeSlot slot, long maxBytes) throws IOException {
        this.slot = slot;
        this.files = new EdgeFiles(slot.directory());
        this.index = new EdgeIndex(maxBytes, n -> ThreadLocalRandom.current().nextInt(n));
        List<EdgeEntry> left = files.entries();
        for (EdgeEntry entry : left) {
            if (makeRoom(entry)) {
                index.arrived(entry);
            } else {
                files.delete(entry);
            }
        }
        this.writer = new EdgeWriter(this::write);
        LOG.info(
                "The edge cache in {} has {} of {} bytes, in {} files",
                slot.directory(),
                index.bytes(),
                maxBytes,
                left.size());
    }

    /**
     * Opens the first free slot of a directory. Cost: one look at each entry, none is read.
     *
     * @return null if other processes hold all slots
     */
    static @Nullable EdgeCache open(Path directory, long maxBytes) throws IOException {
        EdgeSlot slot = EdgeSlot.take(directory);
        if (slot == null) {
            return null;
        }
        try {
            return new EdgeCache(slot, maxBytes);
        } catch (IOException | RuntimeException e) {
            slot.close();
            throw e;
        }
    }

    /** Bytes that the entries take on the disk. */
    public long bytes() {
        return index.bytes();
    }

    Path directory() {
        return slot.directory();
    }

    void raise(long maxBytes) {
        index.raise(maxBytes);
    }

    /** Bytes of the wanted range, not verified, and the entry that they are from. */
    record Hit(EdgeEntry entry, byte[] bytes) {}

    @Nullable Hit read(EdgeEntry wanted) {
        EdgeEntry entry = find(wanted);
        if (entry == null) {
            return null;
        }
        try {
            return new Hit(entry, files.read(entry, wanted));
        } catch (IOException e) {
            unreadable(entry, e);
            return null;
        }
    }

    /**
     * Puts the wanted range into a file, without copying it if that can be.
     *
     * @return the entry that it is from; null if there is none, and no file then
     */
    @Nullable EdgeEntry copy(EdgeEntry wanted, Path target) {
        EdgeEntry entry = find(wanted);
        if (entry == null) {
            return null;
        }
        try {
            Files.deleteIfExists(target);
            if (entry.offset() == wanted.offset() && entry.length() == wanted.length()) {
                try {
                    Files.createLink(target, files.file(entry));
                    return entry;
                } catch (IOException | UnsupportedOperationException e) {
                    LOG.debug("{} is copied: {}", target, e.toString()); // other disk, say
                }
            }
            copyBytes(entry, wanted, target);
            return entry;
        } catch (IOException e) {
            // Whose disk it is that fails is not known: the next one to use it will tell.
            LOG.debug("An entry cannot be used", e);
            if (!Files.exists(files.file(entry))) {
                drop(entry);
            }
            return null;
        }
    }

    private void copyBytes(EdgeEntry entry, EdgeEntry wanted, Path target) throws IOException {
        boolean complete = false;
        try (InputStream in = Files.newInputStream(files.file(entry));
                OutputStream out = Files.newOutputStream(target)) {
            in.skipNBytes(wanted.offset() - entry.offset());
            byte[] buffer = new byte[BUFFER_BYTES];
            for (long left = wanted.length(); left > 0; ) {
                int read = in.readNBytes(buffer, 0, (int) Math.min(left, buffer.length));
                if (read == 0) {
                    drop(entry);
                    throw new IOException("an entry is shorter than its name says");
                }
                out.write(buffer, 0, read);
                left -= read;
            }
            complete = true;
        } finally {
            if (!complete) {
                Files.deleteIfExists(target);
            }
        }
    }

    static int crc32c(Path file) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[BUFFER_BYTES];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                crc.update(buffer, 0, read);
            }
        }
        return (int) crc.getValue();
    }

    private @Nullable EdgeEntry find(EdgeEntry wanted) {
        EdgeIndex.Found found = off ? null : index.find(wanted);
        if (found == null) {
            return null;
        }
        if (found.first()) {
            try {
                files.touch(found.entry());
            } catch (IOException e) {
                LOG.debug("An entry that is used is not marked so", e);
            }
        }
        return found.entry();
    }

    /** Takes bytes in, soon, if there is room; they must not change any more. */
    void offer(EdgeEntry entry, byte[] bytes) {
        if (!off) {
            writer.offer(entry, bytes);
        }
    }

    /** Takes a file in, whose bytes must not change any more: by a second name for it, or soon. */
    void offerFile(EdgeEntry entry, Path file) {
        if (off) {
            return;
        }
        try {
            if (makeRoom(entry) && !linked(entry, file)) {
                writer.offerFile(entry, Files.newInputStream(file));
            }
        } catch (IOException e) {
            broken(e);
        }
    }

    /** Whether the entry is there now; else the room that was made is given back. */
    private boolean linked(EdgeEntry entry, Path file) {
        try {
            files.link(entry, file);
            index.arrived(entry);
            return true;
        } catch (IOException | UnsupportedOperationException e) {
            index.failed(entry);
            LOG.debug("{} is copied: {}", file, e.toString()); // other disk, say
            return false;
        }
    }

    private void write(EdgeEntry entry, InputStream bytes) {
        try {
            if (off || !makeRoom(entry)) {
                return;
            }
        } catch (IOException e) {
            broken(e);
            return;
        }
        boolean written = false;
        try {
            files.write(entry, bytes);
            written = true;
        } catch (IOException e) {
            broken(e);
        } finally {
            if (written) {
                index.arrived(entry);
            } else {
                index.failed(entry);
            }
        }
    }

    /** Whether there is room for an entry now; the room is to be given back if it is not used. */
    private boolean makeRoom(EdgeEntry entry) throws IOException {
        List<EdgeEntry> gone = index.makeRoom(entry);
        if (gone == null) {
            return false;
        }
        try {
            for (EdgeEntry victim : gone) {
                files.delete(victim);
            }
            return true;
        } catch (IOException e) {
            index.failed(entry);
            throw e;
        }
    }

    /** Drops an entry that failed its check. */
    void damaged(EdgeEntry entry) {
        drop(entry);
        synchronized (this) {
            if (damageReported) {
                return;
            }
            damageReported = true;
        }
        LOG.warn(
                "{} is damaged and dropped; the store has its bytes. Further ones are only"
                        + " counted; check the local disk",
                files.file(entry));
    }

    private void unreadable(EdgeEntry entry, IOException e) {
        // Too many open files are told by the same exception as a missing one.
        if (e instanceof EOFException || !Files.exists(files.file(entry))) {
            drop(entry);
        } else {
            broken(e);
        }
    }

    private void drop(EdgeEntry entry) {
        if (index.remove(entry)) {
            try {
                files.delete(entry);
            } catch (IOException e) {
                broken(e);
            }
        }
    }

    private synchronized void broken(IOException e) {
        if (!off) {
            off = true;
            LOG.warn(
                    "The edge cache in {} is off until the jobs of this process restart, and all"
                            + " reads go to the store: {}; check the local disk",
                    slot.directory(),
                    e.toString());
        }
    }

    @Override
    public void close() throws IOException {
        writer.close();
        off = true;
        slot.close();
    }
}
