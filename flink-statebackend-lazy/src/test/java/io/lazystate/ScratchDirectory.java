package io.lazystate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.util.FileUtils;

/**
 * A new directory for a fuzz, in memory if the machine has such a place: databases sync their files
 * often, and nobody needs these after a crash. Closing deletes it.
 */
public final class ScratchDirectory implements AutoCloseable {
    private static final Path IN_MEMORY = Path.of("/dev/shm");

    private final Path path;

    public ScratchDirectory(String prefix) throws IOException {
        this.path =
                Files.isWritable(IN_MEMORY)
                        ? Files.createTempDirectory(IN_MEMORY, prefix)
                        : Files.createTempDirectory(prefix);
    }

    public Path path() {
        return path;
    }

    @Override
    public void close() throws IOException {
        FileUtils.deleteDirectory(path.toFile());
    }
}
