package io.lazystate.store;

import java.io.Closeable;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.apache.flink.annotation.Internal;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.util.concurrent.ExecutorThreadFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The S3 connections of a TaskManager: one set for each account and limits, shared by all backends
 * that use it. When the last of them gives it back, it stays open for as long as its connections
 * may be idle: a task that failed and starts again finds them, and waits for no handshake.
 *
 * <p>Threads: any. What cannot be opened is remembered, since finding that out may take seconds,
 * and told once in the log.
 */
@Internal
public final class S3Clients {

    /**
     * Of this class loader: the TaskManager's, or the job's if the plugin is in its jar. The
     * latter's threads have to end with the job.
     */
    public static final S3Clients SHARED =
            new S3Clients(
                    S3Clients.class.getClassLoader() == ReadableConfig.class.getClassLoader());

    private static final Logger LOG = LoggerFactory.getLogger(S3Clients.class);
    private static final int FAILURES_KEPT = 16;
    private static final ThreadFactory THREADS = new ExecutorThreadFactory("lazy-state-s3-closer");
    private static final Executor CLOSER = close -> THREADS.newThread(close).start();

    private final boolean lingering;
    private final Map<Use, Shared> open = new HashMap<>();
    private final Map<Use, Boolean> failed =
            new LinkedHashMap<>() {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<Use, Boolean> eldest) {
                    return size() > FAILURES_KEPT;
                }
            };

    private record Use(S3Account account, S3Limits limits) {}

    private static final class Shared {
        private final S3Connections connections;
        private int users;
        private int leases;

        Shared(S3Connections connections) {
            this.connections = connections;
        }
    }

    /** One user's share of some connections; closing it gives it back, once. */
    static final class Lease implements Closeable {
        private final S3Connections connections;
        private final Runnable giveBack;
        private boolean closed;

        private Lease(S3Connections connections, Runnable giveBack) {
            this.connections = connections;
            this.giveBack = giveBack;
        }

        S3Connections connections() {
            return connections;
        }

        @Override
        public synchronized void close() {
            if (!closed) {
                closed = true;
                giveBack.run();
            }
        }
    }

    /**
     * None yet.
     *
     * @param lingering whether connections stay open when nobody uses them any more
     */
    public S3Clients(boolean lingering) {
        this.lingering = lingering;
    }

    /** Connections by a TaskManager's options, or null if there can be none. */
    @Nullable Lease lease(ReadableConfig config, S3Limits limits) {
        S3Account account;
        try {
            account = S3Account.from(config);
        } catch (RuntimeException e) {
            // Not the message: Flink's quote the value.
            LOG.warn(
                    "S3 is read through Flink's file system: an s3 option cannot be read ({})",
                    e.getClass().getName());
            return null;
        }
        return lease(account, limits);
    }

    private synchronized @Nullable Lease lease(S3Account account, S3Limits limits) {
        Use use = new Use(account, limits);
        if (failed.containsKey(use)) {
            return null;
        }
        Shared known = open.get(use);
        Shared shared = known != null ? known : open(use);
        if (shared == null) {
            return null;
        }
        shared.users++;
        shared.leases++;
        return new Lease(shared.connections, () -> giveBack(use, shared));
    }

    private @Nullable Shared open(Use use) {
        try {
            Shared shared = new Shared(new S3Connections(use.account(), use.limits()));
            open.put(use, shared);
            LOG.info("Reads S3 directly: {}, {}", use.account(), use.limits());
            return shared;
        } catch (RuntimeException | LinkageError e) {
            failed.put(use, true);
            LOG.warn(
                    "S3 is read through Flink's file system, since connections of our own to {}"
                            + " cannot be opened: {}",
                    use.account(),
                    e.toString());
            return null;
        }
    }

    private void giveBack(Use use, Shared shared) {
        int leases;
        synchronized (this) {
            if (--shared.users > 0) {
                return;
            }
            leases = shared.leases;
        }
        if (lingering && shared.connections.proven() && !shared.connections.givenUp()) {
            long idleMillis = use.account().place().maxIdleTime().toMillis();
            CompletableFuture.delayedExecutor(idleMillis, TimeUnit.MILLISECONDS, CLOSER)
                    .execute(() -> closeUnlessUsed(use, shared, leases));
        } else {
            closeUnlessUsed(use, shared, leases);
        }
    }

    /**
     * @param leases that there had been when it was given back
     */
    private void closeUnlessUsed(Use use, Shared shared, int leases) {
        synchronized (this) {
            if (shared.users > 0 || shared.leases > leases) {
                return;
            }
            open.remove(use);
        }
        shared.connections.close();
    }
}
