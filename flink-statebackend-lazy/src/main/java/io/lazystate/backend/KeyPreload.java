package io.lazystate.backend;

import io.lazystate.loading.Futures;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.NamedRows;
import io.lazystate.paging.PagedRocksDB;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads the rows of named keys before a restored task runs, and keeps them at hand.
 *
 * <p>Threads: the task thread waits, for as long as it is told; the job's code runs in one of its
 * own. Errors: none but CLOSED; what cannot be loaded is read when it is used.
 */
final class KeyPreload<K> {
    private static final Logger LOG = LoggerFactory.getLogger(KeyPreload.class);

    private final List<PreloadKeys> hooks;
    private final NamedKeys<K> keys;
    private final PagedRocksDB db;
    private final LoaderThreads threads;
    private final ClassLoader userCode;
    private final LoadingMetrics metrics;

    /**
     * @param keys used by one thread only, which is not this one
     */
    KeyPreload(
            List<PreloadKeys> hooks,
            NamedKeys<K> keys,
            PagedRocksDB db,
            LoaderThreads threads,
            ClassLoader userCode,
            LoadingMetrics metrics) {
        this.hooks = hooks;
        this.keys = keys;
        this.db = db;
        this.threads = threads;
        this.userCode = userCode;
        this.metrics = metrics;
    }

    /**
     * Loads the rows.
     *
     * @param nanosLeft how long this may take
     * @return whether everything was loaded, or has failed, in time
     * @throws io.lazystate.error.LazyStateException CLOSED
     */
    boolean load(LongSupplier nanosLeft) {
        if (hooks.isEmpty()) {
            return true;
        }
        Map<String, Collection<byte[]>> prefixes;
        try {
            Future<Map<String, Collection<byte[]>>> naming =
                    threads.submit("lazy-state-preload-keys", userCode, () -> keys.prefixes(hooks));
            if (!Futures.awaitDoneUninterruptibly(naming, Math.max(0, nanosLeft.getAsLong()))) {
                naming.cancel(true);
                return false;
            }
            if (naming.isCancelled()) {
                throw new CancellationException();
            }
            prefixes = Futures.awaitUninterruptibly(naming);
        } catch (CancellationException e) {
            throw Futures.stopped(e);
        } catch (RuntimeException | Error e) {
            LOG.warn("No keys are loaded before the task runs", e);
            return true;
        }
        return load(prefixes, nanosLeft);
    }

    private boolean load(Map<String, Collection<byte[]>> prefixes, LongSupplier nanosLeft) {
        List<NamedRows.Prefix> wanted = new ArrayList<>();
        prefixes.forEach(
                (state, keys) -> keys.forEach(key -> wanted.add(new NamedRows.Prefix(state, key))));
        NamedRows.Loaded loaded = db.namedRows().load(wanted, nanosLeft);
        metrics.hotRowsLoaded().add(loaded.rows());
        LOG.info(
                "Loaded {} rows ({} bytes) of {} named keys and states",
                loaded.rows(),
                loaded.bytes(),
                wanted.size());
        if (loaded.left() > 0) {
            LOG.warn(
                    "Rows of {} named keys and states could not be kept at hand, and are read when"
                            + " they are used: {}",
                    loaded.left(),
                    loaded.reason());
        }
        return !loaded.expired();
    }
}
