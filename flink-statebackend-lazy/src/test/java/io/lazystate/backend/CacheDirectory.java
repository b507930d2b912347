package io.lazystate.backend;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The edge cache's directory, and what may happen to it while backends use it.
 *
 * <p>Whatever happens to an entry happens to a file of its own: the one that was there may have a
 * second name in somebody's database.
 */
final class CacheDirectory {
    /** More files than a scenario writes into the cache. */
    private static final int MANY_FILES = 1_000;

    private final Path directory;

    /**
     * @param directory of the option; a single process uses it
     */
    CacheDirectory(Path directory) {
        this.directory = directory;
    }

    Path path() {
        return directory;
    }

    /** Every second entry is gone. */
    void halve() throws IOException {
        List<Path> entries = entries();
        for (int i = 0; i < entries.size(); i += 2) {
            Files.delete(entries.get(i));
        }
    }

    /** No file can be written any more; what is there can be read. */
    void fill() throws IOException {
        for (int i = 0; i < MANY_FILES; i++) {
            try {
                Files.createDirectory(slot().resolve(i + ".tmp"));
            } catch (FileAlreadyExistsException e) {
                continue; // the one that is being written
            }
        }
    }

    /** Nothing can be read or written any more: a file has taken the directory's place. */
    void lose() throws IOException {
        Files.move(slot(), directory.resolve("away"));
        try {
            Files.createFile(slot());
        } catch (FileAlreadyExistsException e) {
            return; // who was about to write an entry has made it anew: only the entries are lost
        }
    }

    /** The entries are there, but cannot be read. */
    void makeUnreadable() throws IOException {
        for (Path entry : entries()) {
            Files.delete(entry);
            Files.createDirectory(entry);
        }
    }

    /** One bit of each entry differs. */
    void damage() throws IOException {
        for (Path entry : entries()) {
            byte[] bytes = Files.readAllBytes(entry);
            bytes[bytes.length / 2] ^= 1;
            replace(entry, bytes);
        }
    }

    /** The entries are shorter than their names say. */
    void truncate() throws IOException {
        for (Path entry : entries()) {
            replace(entry, new byte[] {Files.readAllBytes(entry)[0]});
        }
    }

    private static void replace(Path entry, byte[] bytes) throws IOException {
        Path other = Files.write(entry.resolveSibling("other"), bytes);
        Files.move(other, entry, StandardCopyOption.ATOMIC_MOVE);
    }

    private List<Path> entries() throws IOException {
        List<Path> entries = new ArrayList<>();
        for (Path group : files(slot(), "[0-9a-f]{2}")) {
            entries.addAll(files(group, ".*\\.(page|bulk)"));
        }
        return entries;
    }

    /** Sorted. Temporary files come and go meanwhile, so it looks at names only. */
    private static List<Path> files(Path in, String name) throws IOException {
        try (Stream<Path> files = Files.list(in)) {
            return files.filter(file -> file.getFileName().toString().matches(name))
                    .sorted()
                    .toList();
        }
    }

    private Path slot() {
        return directory.resolve("slot-0");
    }
}
