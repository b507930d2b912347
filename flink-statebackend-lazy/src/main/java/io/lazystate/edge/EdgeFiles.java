package io.lazystate.edge;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The entries' files in a directory of the cache.
 *
 * <p>An entry's file appears whole or not at all. Nothing is forced to the disk: what a power cut
 * leaves fails its check. Threads: any. Reads do not heed interrupts, since a local disk answers.
 */
final class EdgeFiles {
    private static final String TEMPORARY = ".tmp";
    private static final int BUFFER_BYTES = 1 << 20;

    private final Path directory;
    private final AtomicLong temporaries = new AtomicLong();

    EdgeFiles(Path directory) {
        this.directory = directory;
    }

    Path file(EdgeEntry entry) {
        return directory.resolve(entry.path());
    }

    /** The bytes of the wanted range from an entry that covers it. */
    byte[] read(EdgeEntry entry, EdgeEntry wanted) throws IOException {
        byte[] bytes = new byte[Math.toIntExact(wanted.length())];
        try (RandomAccessFile in = new RandomAccessFile(file(entry).toFile(), "r")) {
            in.seek(wanted.offset() - entry.offset());
            in.readFully(bytes);
        }
        return bytes;
    }

    /** Writes an entry with these bytes. */
    void write(EdgeEntry entry, InputStream bytes) throws IOException {
        Path temporary = directory.resolve(temporaries.getAndIncrement() + TEMPORARY);
        try {
            try (OutputStream out = Files.newOutputStream(temporary)) {
                copy(bytes, entry.length(), out);
            }
            Path file = file(entry);
            Files.createDirectories(file.getParent());
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void copy(InputStream in, long length, OutputStream out) throws IOException {
        byte[] buffer = new byte[(int) Math.min(BUFFER_BYTES, length)];
        for (long left = length; left > 0; ) {
            int read = in.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (read < 0) {
                throw new EOFException(left + " bytes are missing");
            }
            out.write(buffer, 0, read);
            left -= read;
        }
    }

    /** Makes an entry of a file by giving it a second name. */
    void link(EdgeEntry entry, Path existing) throws IOException {
        Path file = file(entry);
        Files.createDirectories(file.getParent());
        Files.deleteIfExists(file);
        Files.createLink(file, existing);
    }

    void delete(EdgeEntry entry) throws IOException {
        Files.deleteIfExists(file(entry));
    }

    /** Notes that an entry is in use, for the order of {@link #entries}. */
    void touch(EdgeEntry entry) throws IOException {
        Files.setLastModifiedTime(file(entry), FileTime.from(Instant.now()));
    }

    /**
     * The entries that are there, the one used longest ago first. Leftovers of a crash, and files
     * that are not as long as their names say, are deleted; files of others stay.
     */
    List<EdgeEntry> entries() throws IOException {
        record Listed(EdgeEntry entry, FileTime time) {}
        List<Listed> listed = new ArrayList<>();
        Files.walkFileTree(
                directory,
                new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                            throws IOException {
                        String name = file.getFileName().toString();
                        EdgeEntry entry = EdgeEntry.parse(name);
                        if (name.endsWith(TEMPORARY)) {
                            Files.deleteIfExists(file);
                        } else if (entry != null && file.equals(file(entry))) {
                            if (attributes.isRegularFile() && attributes.size() == entry.length()) {
                                listed.add(new Listed(entry, attributes.lastModifiedTime()));
                            } else {
                                Files.deleteIfExists(file);
                            }
                        }
                        return FileVisitResult.CONTINUE;
                    }

                    @Override
                    public FileVisitResult visitFileFailed(Path file, IOException e) {
                        return FileVisitResult.CONTINUE; // gone, or not ours
                    }
                });
        listed.sort(Comparator.comparing(Listed::time));
        return listed.stream().map(Listed::entry).toList();
    }
}
