package io.lazystate.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The work directory of the one backend under a local directory. It can refuse new files, as a full
 * disk does, whoever asks: Java or native code, root or not.
 */
final class LocalDisk {
    private final Path local;

    /**
     * @param local what the backends' directories are in
     */
    LocalDisk(Path local) {
        this.local = local;
    }

    /** No file can be created any more: a file has taken the directory's place. */
    void refuse() throws IOException {
        Path work = work();
        Files.move(work, away(work));
        Files.createFile(work);
    }

    /** Takes {@link #refuse} back. */
    void accept() throws IOException {
        Path work = work();
        Files.delete(work);
        Files.move(away(work), work);
    }

    /** Where run files on their way, files to be linked and spilled change logs are. */
    Path work() throws IOException {
        try (Stream<Path> backends = Files.list(local)) {
            return backends.findFirst().orElseThrow().resolve("lazy");
        }
    }

    private static Path away(Path work) {
        return work.resolveSibling("away");
    }
}
