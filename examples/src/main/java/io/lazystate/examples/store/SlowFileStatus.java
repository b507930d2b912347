package io.lazystate.examples.store;

import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.Path;

/** The status of a local file under its path in the emulated store. */
record SlowFileStatus(FileStatus status, Path path) implements FileStatus {
    @Override
    public Path getPath() {
        return path;
    }

    @Override
    public long getLen() {
        return status.getLen();
    }

    @Override
    public long getBlockSize() {
        return status.getBlockSize();
    }

    @Override
    public short getReplication() {
        return status.getReplication();
    }

    @Override
    public long getModificationTime() {
        return status.getModificationTime();
    }

    @Override
    public long getAccessTime() {
        return status.getAccessTime();
    }

    @Override
    public boolean isDir() {
        return status.isDir();
    }
}
