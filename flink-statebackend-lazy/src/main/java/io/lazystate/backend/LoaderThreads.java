package io.lazystate.backend;

import io.lazystate.loading.LoadExecutor;
import io.lazystate.metrics.LoadCause;
import java.io.Closeable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.flink.util.concurrent.ExecutorThreadFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads of one keyed backend: some that wait for the store, and the hydrator's.
 *
 * <p>Bounds: {@link #RESTORE_THREADS}, later {@link #DEMAND_THREADS} for reads that a task waits
 * for, so that hydration is never in their way, and as many as there are hydration connections.
 * Idle threads end. Closing interrupts all and waits for them.
 */
final class LoaderThreads implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(LoaderThreads.class);

    /** One wave of a cold read asks for pages and filters of at most 8 runs. */
    private static final int DEMAND_THREADS = 16;

    /** A restore asks at once for a manifest of every handle, and timers of every key group. */
    private static final int RESTORE_THREADS = 64;

    private static final long IDLE_SECONDS = 10;
    private static final long CLOSE_SECONDS = 30;

    private final ThreadPoolExecutor demand;
    private final ExecutorService hydration;
    private @Nullable Thread hydrator;

    LoaderThreads(String operator, int connections) {
        demand = pool("lazy-state-demand-" + operator, RESTORE_THREADS);
        hydration = pool("lazy-state-hydration-" + operator, connections);
    }

    LoadExecutor executor() {
        return this::execute;
    }

    private void execute(LoadCause cause, long bytes, LoadExecutor.Request request) {
        boolean waitedFor = cause.isBefore(LoadCause.PREFETCH) && cause != LoadCause.PRELOAD;
        (waitedFor ? demand : hydration).execute(request::run);
    }

    /** Keeps only as many threads for demand as a running task needs. */
    void restored() {
        demand.setCorePoolSize(DEMAND_THREADS);
        demand.setMaximumPoolSize(DEMAND_THREADS);
    }

    /** Work in the background that ends when it is interrupted. */
    interface Work {
        void run() throws InterruptedException;
    }

    /** Runs the hydrator in the background until it is done or this is closed. */
    synchronized void startHydrator(Work work) {
        if (hydration.isShutdown()) {
            return;
        }
        Thread thread =
                new Thread(
                        () -> {
                            try {
                                work.run();
                            } catch (InterruptedException e) {
                                LOG.debug("The task ended before hydration began");
                            } catch (RuntimeException e) {
                                LOG.error("Hydration ended; state that is cold stays readable", e);
                            }
                        },
                        "lazy-state-hydrator");
        thread.setDaemon(true);
        thread.start();
        hydrator = thread;
    }

    @Override
    public synchronized void close() {
        demand.shutdownNow();
        hydration.shutdownNow();
        boolean interrupted = false;
        try {
            if (hydrator != null) {
                hydrator.interrupt();
                hydrator.join(TimeUnit.SECONDS.toMillis(CLOSE_SECONDS));
            }
            if (!demand.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)
                    || !hydration.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("Threads that wait for the checkpoint store did not end");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static ThreadPoolExecutor pool(String name, int threads) {
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(
                        threads,
                        threads,
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        new ExecutorThreadFactory(
                                name, (thread, e) -> LOG.error("{} failed", thread.getName(), e)));
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }
}
