package io.lazystate.loading;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads for work that somebody else bounds: one for each piece of work that runs, made when none
 * is idle.
 *
 * <p>Idle threads end after {@link #IDLE_SECONDS}. They belong to no job: none keeps a job's class
 * loader alive.
 */
final class LoaderPool {
    private static final long IDLE_SECONDS = 10;

    private final ThreadFactory factory;
    private final Set<Thread> threads = new HashSet<>();
    private int made;
    private final ThreadPoolExecutor pool =
            new ThreadPoolExecutor(
                    0,
                    Integer.MAX_VALUE,
                    IDLE_SECONDS,
                    TimeUnit.SECONDS,
                    new SynchronousQueue<>(),
                    this::thread);

    /**
     * @param factory usually {@code Thread::new}
     */
    LoaderPool(ThreadFactory factory) {
        this.factory = factory;
    }

    private synchronized Thread thread(Runnable work) {
        Thread thread = factory.newThread(work);
        thread.setName("lazy-state-loader-" + ++made);
        thread.setDaemon(true);
        thread.setContextClassLoader(LoaderPool.class.getClassLoader());
        threads.removeIf(old -> !old.isAlive()); // those that ended, or could not be started
        threads.add(thread);
        return thread;
    }

    /**
     * Runs work at once.
     *
     * @throws OutOfMemoryError if the machine gives no more threads
     */
    void execute(Runnable work) {
        pool.execute(work);
    }

    /** Ends the threads; returns whether they have ended in time. */
    boolean close(long seconds) throws InterruptedException {
        pool.shutdown();
        if (!pool.awaitTermination(seconds, TimeUnit.SECONDS)) {
            return false;
        }
        for (Thread thread : all()) {
            thread.join(TimeUnit.SECONDS.toMillis(seconds)); // it has left the pool, and ends now
        }
        return true;
    }

    private synchronized Set<Thread> all() {
        return Set.copyOf(threads);
    }
}
