package io.lazystate.backend;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/** What can happen to a file in a store. */
enum Damage {
    MISSING {
        @Override
        void apply(Path file, long... offsets) throws IOException {
            Files.deleteIfExists(file);
        }
    },
    /** Ends right behind its first byte. */
    TRUNCATED {
        @Override
        void apply(Path file, long... offsets) throws IOException {
            try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
                bytes.setLength(1);
            }
        }
    },
    /** One bit differs in each byte that is named. */
    FLIPPED {
        @Override
        void apply(Path file, long... offsets) throws IOException {
            try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
                for (long offset : offsets) {
                    bytes.seek(offset);
                    int was = bytes.read();
                    bytes.seek(offset);
                    bytes.write(was ^ 0x10);
                }
            }
        }
    };

    abstract void apply(Path file, long... offsets) throws IOException;
}
