package io.lazystate.paging;

import io.lazystate.loading.Pressure;
import java.io.IOException;
import org.apache.flink.util.ResourceGuard;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The local database delays or stops its writers, since flushes and compactions do not keep up.
 *
 * <p>RocksDB's own verdict, by whatever limits it was opened with. Threads: any; nothing is short
 * once the backend closes.
 */
final class WritePressure implements Pressure {
    private static final Logger LOG = LoggerFactory.getLogger(WritePressure.class);

    private final RocksDB db;
    private final ResourceGuard guard;

    WritePressure(RocksDB db, ResourceGuard guard) {
        this.db = db;
        this.guard = guard;
    }

    @Override
    public @Nullable String reason() {
        ResourceGuard.Lease lease;
        try {
            lease = guard.acquireResource();
        } catch (IOException e) {
            LOG.debug("The backend closes while it is hydrated", e);
            return null;
        }
        try {
            if (db.getLongProperty("rocksdb.is-write-stopped") != 0) {
                return "RocksDB has stopped its writers";
            }
            boolean delayed = db.getLongProperty("rocksdb.actual-delayed-write-rate") != 0;
            return delayed ? "RocksDB delays its writers" : null;
        } catch (RocksDBException e) {
            LOG.debug("It is not known whether writers are delayed", e);
            return null;
        } finally {
            lease.close();
        }
    }
}
