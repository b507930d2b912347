package io.lazystate.backend;

import io.lazystate.loading.LoadExecutor;
import io.lazystate.loading.SharedLoader;
import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What works in the background for one keyed backend: its share of the TaskManager's loader, and
 * threads of its own.
 *
 * <p>Closing interrupts both and waits for them, {@link #CLOSE_SECONDS} at the most, also if the
 * closing thread is interrupted.
 */
final class LoaderThreads implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(LoaderThreads.class);

    private static final long CLOSE_SECONDS = 30;

    private final SharedLoader.Client client;
    private final List<Thread> threads = new ArrayList<>();
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

    /** Runs work in a thread of its own until it is done or this is closed. */
    synchronized void start(String name, Work work) {
        if (closed) {
            return;
        }
        Thread thread =
                new Thread(
                        () -> {
                            try {
                                work.run();
                            } catch (InterruptedException e) {
                                LOG.debug("The task ended while this worked for it");
                            }
                        },
                        name);
        thread.setDaemon(true);
        thread.start();
        threads.add(thread);
    }

    @Override
    public synchronized void close() {
        closed = true;
        threads.forEach(Thread::interrupt);
        client.close();
        // Also in a thread that was interrupted, as that of a cancelled task: what comes next is
        // that the database is closed and the files of these threads are deleted.
        boolean interrupted = Thread.interrupted();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
        for (Thread thread : threads) {
            while (thread.isAlive() && System.nanoTime() < deadline) {
                try {
                    TimeUnit.NANOSECONDS.timedJoin(thread, deadline - System.nanoTime());
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (thread.isAlive()) {
                LOG.warn("The thread {} did not end when it was interrupted", thread.getName());
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
