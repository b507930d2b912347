package io.lazystate.it;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints on {@code file://}. */
class FileCheckpointIT extends CheckpointStoreContract {
    @TempDir static Path root;

    @Override
    String directory(String name) {
        return "file:" + root.resolve(name);
    }

    @Override
    boolean interruptedWritesLeaveNothing() {
        return true;
    }
}
