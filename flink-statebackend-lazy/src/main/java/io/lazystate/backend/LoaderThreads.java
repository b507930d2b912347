package io.lazystate.backend;

import io.lazystate.loading.LoadExecutor;
import io.lazystate.loading.SharedLoader;
import java.io.Closeable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What loads for one keyed backend: its share of the TaskManager's loader, and a thread of its own
 * that hydrates.
 *
 * <p>Closing interrupts both and waits for them, {@link #CLOSE_SECONDS} at the most, also if the
 * closing thread is interrupted.
 */
final class LoaderThreads implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(LoaderThreads.class);

    private static final long CLOSE_SECONDS = 30;

    private final SharedLoader.Client client;
    private @Nullable Thread hydrator;
    private boolean closed;

    /**
     * @param wantedThreads of the TaskManager's loader, see {@link SharedLoader#open}
     */
    LoaderThreads(int wantedThreads) {
        client = SharedLoader.ofProcess().open(wantedThreads);
    }

    LoadExecutor executor() {
        return client;
    }

    /** Work in the background that ends when it is interrupted. */
    interface Work {
        void run() throws InterruptedException;
    }

    /** Runs the hydrator in the background until it is done or this is closed. */
    synchronized void startHydrator(Work work) {
        if (closed) {
            return;
        }
        Thread thread =
                new Thread(
                        () -> {
                            try {
                                work.run();
                            } catch (InterruptedException e) {
                                LOG.debug("The task ended before hydration began");
                            }
                        },
                        "lazy-state-hydrator");
        thread.setDaemon(true);
        thread.start();
        hydrator = thread;
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (hydrator != null) {
            hydrator.interrupt();
        }
        client.close();
        // Also in a thread that was interrupted, as that of a cancelled task: what comes next is
        // that the database is closed and the files of these threads are deleted.
        boolean interrupted = Thread.interrupted();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
        while (hydrator != null && hydrator.isAlive() && System.nanoTime() < deadline) {
            try {
                TimeUnit.NANOSECONDS.timedJoin(hydrator, deadline - System.nanoTime());
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (hydrator != null && hydrator.isAlive()) {
            LOG.warn("The hydrator did not end when it was interrupted");
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
