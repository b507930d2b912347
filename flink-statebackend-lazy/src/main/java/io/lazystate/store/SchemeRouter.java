package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.nio.file.Path;
import java.util.function.Function;
import org.apache.flink.annotation.Internal;
import org.apache.flink.configuration.ReadableConfig;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads objects of S3 over connections of our own, and all others through Flink.
 *
 * <p>Our connections are taken with the first object of S3, and given back when this is released.
 * If there can be none, or if the store refuses the first request while Flink's file system may
 * read (it may have other credentials, its delegation tokens say), everything goes through Flink.
 * Threads: any.
 */
@Internal
public final class SchemeRouter implements RangedReader {

    private static final Logger LOG = LoggerFactory.getLogger(SchemeRouter.class);

    private final RangedReader flink;
    private final S3Clients clients;
    private final ReadableConfig config;
    private final S3Limits limits;
    private final Retries retries;
    private S3Clients.@Nullable Lease lease;
    private boolean asked;
    private boolean released;

    /**
     * @param flink reads everything else; it is released with this
     * @param config of the TaskManager, with the options of Flink's S3 file systems
     */
    public SchemeRouter(
            RangedReader flink,
            S3Clients clients,
            ReadableConfig config,
            S3Limits limits,
            Retries retries) {
        this.flink = flink;
        this.clients = clients;
        this.config = config;
        this.limits = limits;
        this.retries = retries;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        return route(object, reader -> reader.read(object, offset, length));
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        return route(object, reader -> reader.download(object, offset, length, target));
    }

    private <T> T route(StoredObject object, Function<RangedReader, T> request) {
        S3Connections connections =
                limits.enabled() && S3Location.of(object) != null ? connections(object) : null;
        if (connections == null || connections.givenUp()) {
            return request.apply(flink);
        }
        try {
            return request.apply(new S3Reader(connections, retries));
        } catch (LazyStateException e) {
            if (e.kind() != Kind.INVALID || connections.proven()) {
                throw e;
            }
            return throughFlinkAfter(e, connections, request);
        }
    }

    private <T> T throughFlinkAfter(
            LazyStateException refusal,
            S3Connections connections,
            Function<RangedReader, T> request) {
        T result;
        try {
            result = request.apply(flink);
        } catch (LazyStateException e) {
            if (e.kind() == Kind.CLOSED) {
                throw e;
            }
            refusal.addSuppressed(e);
            throw refusal;
        }
        connections.giveUp();
        LOG.warn(
                "S3 is read through Flink's file system, which may read what is refused to us: {}",
                refusal.getMessage());
        return result;
    }

    private synchronized @Nullable S3Connections connections(StoredObject object) {
        if (released) {
            throw S3Failures.closed(object.where(0, 0), null);
        }
        if (!asked) {
            lease = clients.lease(config, limits);
            asked = true;
        }
        return lease == null ? null : lease.connections();
    }

    @Override
    public void release() {
        S3Clients.Lease held;
        synchronized (this) {
            released = true;
            held = lease;
            lease = null;
        }
        if (held != null) {
            held.close();
        }
        flink.release();
    }
}
