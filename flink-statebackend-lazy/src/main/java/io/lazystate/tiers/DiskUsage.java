package io.lazystate.tiers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;

/**
 * The bytes of all files under a directory: with those that compactions are writing, that open
 * iterators keep, and that are on their way to or from the store. Threads: one.
 */
@Internal
public final class DiskUsage implements LongSupplier {
    private final Path directory;

    public DiskUsage(Path directory) {
        this.directory = directory;
    }

    /** Cost: one look at each file. Files that come or go meanwhile count or not. */
    @Override
    public long getAsLong() {
        Sum sum = new Sum();
        try {
            Files.walkFileTree(directory, sum);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return sum.bytes;
    }

    private static final class Sum extends SimpleFileVisitor<Path> {
        private long bytes;

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            bytes += attributes.size();
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException gone) {
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path gone, IOException e) {
            return FileVisitResult.CONTINUE;
        }
    }
}
