package io.lazystate.examples.store;

import java.io.IOException;
import java.net.URI;
import org.apache.flink.core.fs.BlockLocation;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.FSDataOutputStream;
import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.fs.local.LocalFileSystem;

/** The local file system behind an {@link EmulatedStore}. Threads: any. */
final class SlowFileSystem extends FileSystem {
    static final String SCHEME = "slow";

    private final FileSystem local = LocalFileSystem.getSharedInstance();
    private final URI root;
    private final EmulatedStore store;
    private final Sleeper sleeper;

    SlowFileSystem(String name, Sleeper sleeper) {
        this.root = URI.create(SCHEME + "://" + name + "/");
        this.store = EmulatedStore.named(name);
        this.sleeper = sleeper;
    }

    @Override
    public FSDataInputStream open(Path path) throws IOException {
        return new SlowInputStream(local.open(inner(path)), store, sleeper);
    }

    @Override
    public FSDataInputStream open(Path path, int bufferBytes) throws IOException {
        return open(path);
    }

    @Override
    public FSDataOutputStream create(Path path, WriteMode mode) throws IOException {
        return local.create(inner(path), mode);
    }

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
        return outer(local.getFileStatus(inner(path)));
    }

    @Override
    public FileStatus[] listStatus(Path path) throws IOException {
        FileStatus[] found = local.listStatus(inner(path));
        if (found != null) {
            for (int i = 0; i < found.length; i++) {
                found[i] = outer(found[i]);
            }
        }
        return found;
    }

    @Override
    public BlockLocation[] getFileBlockLocations(FileStatus file, long start, long length)
            throws IOException {
        return local.getFileBlockLocations(
                local.getFileStatus(inner(file.getPath())), start, length);
    }

    @Override
    public boolean delete(Path path, boolean recursive) throws IOException {
        return local.delete(inner(path), recursive);
    }

    @Override
    public boolean mkdirs(Path path) throws IOException {
        return local.mkdirs(inner(path));
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
        return local.rename(inner(from), inner(to));
    }

    @Override
    public Path getWorkingDirectory() {
        return new Path(root);
    }

    @Override
    public Path getHomeDirectory() {
        return new Path(root);
    }

    @Override
    public URI getUri() {
        return root;
    }

    /** True, as for a store: nobody may take a shortcut around it. */
    @Override
    public boolean isDistributedFS() {
        return true;
    }

    private static Path inner(Path path) {
        return new Path("file", null, path.toUri().getPath());
    }

    private FileStatus outer(FileStatus status) {
        String path = status.getPath().toUri().getPath();
        return new SlowFileStatus(status, new Path(SCHEME, root.getAuthority(), path));
    }
}
