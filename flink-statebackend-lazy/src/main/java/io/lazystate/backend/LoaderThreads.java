package io.lazystate.backend;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.Futures;
import io.lazystate.loading.LoadExecutor;
import io.lazystate.loading.SharedLoader;
import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
    private final List<Thread> started = new ArrayList<>();
    private final List<Future<?>> results = new ArrayList<>();
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

    /**
     * Runs work in a thread of its own until it is done or this is closed.
     *
     * @throws LazyStateException UNAVAILABLE if no thread can be made
     */
    void start(String name, Work work) {
        boolean unused =
                start(
                        name,
                        null,
                        () -> {
                            try {
                                work.run();
                            } catch (InterruptedException e) {
                                LOG.debug("The task ended while this worked for it");
                            }
                        });
    }

    /**
     * Runs code of the job in a thread of its own.
     *
     * @param classes of whose code it runs
     * @return what comes of it; cancelled, with its thread interrupted, when this is closed
     * @throws LazyStateException UNAVAILABLE if no thread can be made
     */
    synchronized <T> Future<T> submit(String name, ClassLoader classes, Callable<T> work) {
        FutureTask<T> result = new FutureTask<>(work);
        if (start(name, classes, result)) {
            results.add(result);
        } else {
            result.cancel(false);
        }
        return result;
    }

    /** Returns false, and nothing runs, if this is closed. */
    private synchronized boolean start(String name, @Nullable ClassLoader classes, Runnable work) {
        if (closed) {
            return false;
        }
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        if (classes != null) {
            thread.setContextClassLoader(classes);
        }
        try {
            thread.start();
        } catch (OutOfMemoryError e) {
            throw Futures.noThread(e);
        }
        started.add(thread);
        return true;
    }

    @Override
    public synchronized void close() {
        closed = true;
        started.forEach(Thread::interrupt);
        results.forEach(result -> result.cancel(true));
        client.close();
        // Also in a thread that was interrupted, as that of a cancelled task: what comes next is
        // that the database is closed and the files of these threads are deleted.
        boolean interrupted = Thread.interrupted();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
        for (Thread thread : started) {
            while (thread.isAlive() && System.nanoTime() < deadline) {
                try {
                    TimeUnit.NANOSECONDS.timedJoin(thread, deadline - System.nanoTime());
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (thread.isAlive()) {
                LOG.warn("{} did not end when it was interrupted", thread.getName());
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
