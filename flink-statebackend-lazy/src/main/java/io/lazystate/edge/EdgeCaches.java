package io.lazystate.edge;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The open edge caches of a process: one for each directory, shared by all backends that use it,
 * closed when the last of them gives it back. Its files stay. Threads: any.
 */
@Internal
public final class EdgeCaches {
    /** Of this class loader: the TaskManager's, or the job's if the plugin is in its jar. */
    public static final EdgeCaches SHARED = new EdgeCaches();

    private static final Logger LOG = LoggerFactory.getLogger(EdgeCaches.class);

    private final Map<Path, Shared> open = new HashMap<>();

    /** Directories of which the log tells already why they are not used. */
    private final Set<Path> reported = new HashSet<>();

    private static final class Shared {
        private final EdgeCache cache;
        private int users;

        Shared(EdgeCache cache) {
            this.cache = cache;
        }
    }

    /** One user's share of a cache; closing it gives it back, once. */
    public final class Lease implements Closeable {
        private final Path directory;
        private final EdgeCache cache;
        private boolean closed;

        private Lease(Path directory, EdgeCache cache) {
            this.directory = directory;
            this.cache = cache;
        }

        public EdgeCache cache() {
            return cache;
        }

        @Override
        public void close() throws IOException {
            giveBack(this);
        }
    }

    /**
     * The cache in a directory.
     *
     * @param maxBytes of its files; if users differ, the largest value counts
     * @return null if there can be none: the log says why
     */
    public synchronized @Nullable Lease lease(Path directory, long maxBytes) {
        Path path = directory.toAbsolutePath().normalize();
        Shared shared = open.get(path);
        if (shared == null) {
            EdgeCache cache = open(path, maxBytes);
            if (cache == null) {
                return null;
            }
            shared = new Shared(cache);
            open.put(path, shared);
        }
        shared.cache.raise(maxBytes);
        shared.users++;
        return new Lease(path, shared.cache);
    }

    private @Nullable EdgeCache open(Path directory, long maxBytes) {
        String problem;
        try {
            EdgeCache cache = EdgeCache.open(directory, maxBytes);
            if (cache != null) {
                reported.remove(directory);
                return cache;
            }
            problem = EdgeSlot.SLOTS + " other processes use it";
        } catch (IOException | RuntimeException e) {
            problem = e.toString();
        }
        if (reported.add(directory)) {
            LOG.warn("There is no edge cache in {}: {}", directory, problem);
        }
        return null;
    }

    /** Under the lock, so that who opens it next finds the directory free. */
    private synchronized void giveBack(Lease lease) throws IOException {
        if (lease.closed) {
            return;
        }
        lease.closed = true;
        Shared shared = open.get(lease.directory);
        if (shared != null && --shared.users == 0) {
            open.remove(lease.directory);
            shared.cache.close();
        }
    }
}
