package io.lazystate.examples.store;

import java.net.URI;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.FileSystemFactory;

/** Makes Flink know the scheme {@code slow}; found by {@code ServiceLoader}. */
public final class SlowFileSystemFactory implements FileSystemFactory {
    @Override
    public String getScheme() {
        return SlowFileSystem.SCHEME;
    }

    @Override
    public FileSystem create(URI uri) {
        String name = uri.getAuthority();
        if (name == null) {
            throw new IllegalArgumentException(
                    uri + " names no store; write slow://name/path, e.g. slow://demo/tmp/state");
        }
        return new SlowFileSystem(name, Sleeper.REAL);
    }
}
