package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.LoadQueues.Queued;
import io.lazystate.metrics.LoadCause;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that wait for the store, shared by all keyed backends of a TaskManager.
 *
 * <p>Requests run by urgency, and among equally urgent ones the clients take turns. Bounds: as many
 * requests run at once as the client asks for that asks for most; those that no task waits for take
 * half of that, and together have at most {@link #MAX_BACKGROUND_BYTES} on their way, or are a
 * single one. So what a task waits for never waits for them. If no thread can be made, what no task
 * waits for has its turn when one that runs ends; everything else is dropped. Idle threads end
 * after a while, and all of them with the last client. Threads: any.
 */
@Internal
public final class SharedLoader {
    private static final Logger LOG = LoggerFactory.getLogger(SharedLoader.class);

    /** Eight extents of the default size, of which some bytes are on the heap and most on disk. */
    private static final long MAX_BACKGROUND_BYTES = 512L << 20;

    private static final long CLOSE_SECONDS = 30;

    /** That of this process: a class loader with classes of ours of its own has one of its own. */
    private static final SharedLoader OF_PROCESS =
            new SharedLoader(MAX_BACKGROUND_BYTES, Thread::new);

    private final long maxBackgroundBytes;
    private final ThreadFactory factory;
    private final Set<Client> clients = new HashSet<>();
    private final LoadQueues queues = new LoadQueues();

    /** Those that run, with their threads once these have begun. */
    private final IdentityHashMap<Queued, Optional<Thread>> running = new IdentityHashMap<>();

    private int backgroundRunning;
    private long backgroundBytes;
    private int threads;
    private @Nullable LoaderPool pool;

    /**
     * @param factory usually {@code Thread::new}
     */
    SharedLoader(long maxBackgroundBytes, ThreadFactory factory) {
        this.maxBackgroundBytes = maxBackgroundBytes;
        this.factory = factory;
    }

    /** The one that all backends of this process share. */
    public static SharedLoader ofProcess() {
        return OF_PROCESS;
    }

    /**
     * Takes in a client; whoever does closes it.
     *
     * @param wantedThreads requests that may run at once, of all clients together; at least 2
     */
    public synchronized Client open(int wantedThreads) {
        Client client = new Client(wantedThreads);
        clients.add(client);
        resize();
        return client;
    }

    private void resize() {
        threads = clients.stream().mapToInt(client -> client.wantedThreads).max().orElse(0);
    }

    /** One keyed backend. */
    public final class Client implements LoadExecutor, AutoCloseable {
        private final int wantedThreads;

        private Client(int wantedThreads) {
            this.wantedThreads = wantedThreads;
        }

        @Override
        public void execute(LoadCause cause, long bytes, Request request) {
            enqueue(new Queued(this, cause, bytes, request));
        }

        /**
         * Drops the requests that wait, and those that run, which it interrupts; then waits for
         * these to end, and for the threads if no other client uses them. Others go on. Closing
         * twice does nothing.
         */
        @Override
        public void close() {
            SharedLoader.this.close(this);
        }
    }

    private void enqueue(Queued queued) {
        List<Unstarted> unstarted;
        synchronized (this) {
            if (!clients.contains((Client) queued.client())) {
                throw new RejectedExecutionException("The loader of this backend is closed");
            }
            queues.add(queued);
            unstarted = startWhatMay();
        }
        unstarted.forEach(Unstarted::drop);
    }

    /** A request for which no thread could be made. */
    private record Unstarted(Queued queued, Throwable why) {
        /** Not under the loader's lock: it goes on in the code of whoever waits. */
        void drop() {
            SharedLoader.drop(queued, Futures.noThread(why));
        }
    }

    /**
     * Hands requests to threads for as long as the bounds allow.
     *
     * @return those that get none and must not wait; the caller drops them
     */
    private List<Unstarted> startWhatMay() {
        List<Unstarted> unstarted = new ArrayList<>(0);
        for (Queued next = takeNext(); next != null; next = takeNext()) {
            Queued first = next;
            try {
                LoaderPool executor = pool == null ? new LoaderPool(factory) : pool;
                pool = executor;
                executor.execute(() -> work(first, executor));
            } catch (Throwable t) {
                finished(first);
                // Those that run may wait for one that a task waits for too, but for no other.
                if (isBackground(first) && !running.isEmpty()) {
                    queues.putBack(first);
                    return unstarted;
                }
                unstarted.add(new Unstarted(first, t));
            }
        }
        return unstarted;
    }

    private static void drop(Queued queued, LazyStateException why) {
        try {
            queued.request().dropped(why);
        } catch (Throwable t) {
            LOG.error("Somebody who waits for the checkpoint store could not be told", t);
        }
    }

    /** The most urgent request, if it may run now. */
    private @Nullable Queued takeNext() {
        Queued next = queues.peek();
        if (next == null || running.size() >= threads) {
            return null;
        }
        if (isBackground(next)) {
            if (backgroundRunning >= threads / 2
                    || (backgroundRunning > 0
                            && backgroundBytes + next.bytes() > maxBackgroundBytes)) {
                return null;
            }
            backgroundRunning++;
            backgroundBytes += next.bytes();
        }
        running.put(next, Optional.empty());
        queues.remove(next);
        return next;
    }

    private static boolean isBackground(Queued queued) {
        return queued.cause() != LoadCause.DEMAND;
    }

    /** In a thread of a pool: runs a request, then others while there are any. */
    private void work(Queued first, LoaderPool mine) {
        @Nullable Queued current = first;
        while (current != null) {
            boolean open;
            synchronized (this) {
                open = clients.contains((Client) current.client());
                if (open) {
                    running.put(current, Optional.of(Thread.currentThread()));
                }
            }
            try {
                if (open) {
                    current.request().run();
                } else {
                    drop(current, Futures.stopped(null));
                }
            } catch (Throwable t) {
                drop(current, failed(t));
                LOG.error("A request to the checkpoint store failed without telling anybody", t);
            }
            List<Unstarted> unstarted;
            synchronized (this) {
                finished(current);
                // It was meant for the request that has ended: whoever interrupts holds the lock.
                Thread.interrupted();
                current = mine == pool ? takeNext() : null;
                unstarted = startWhatMay();
            }
            unstarted.forEach(Unstarted::drop);
        }
    }

    private static LazyStateException failed(Throwable t) {
        return new LazyStateException(
                Kind.INTERNAL,
                Where.NOWHERE,
                "A request to the checkpoint store failed: " + t + "; report this",
                t);
    }

    private void finished(Queued queued) {
        running.remove(queued);
        if (isBackground(queued)) {
            backgroundRunning--;
            backgroundBytes -= queued.bytes();
        }
        notifyAll();
    }

    private void close(Client client) {
        List<Queued> dropped;
        List<Unstarted> unstarted = List.of();
        @Nullable LoaderPool unused = null;
        synchronized (this) {
            if (!clients.remove(client)) {
                return;
            }
            resize();
            dropped = queues.removeAll(client);
            running.forEach(
                    (queued, thread) -> {
                        if (queued.client() == client) {
                            thread.ifPresent(Thread::interrupt);
                            dropped.add(queued);
                        }
                    });
            if (running.keySet().stream().allMatch(queued -> queued.client() == client)) {
                // Nobody else uses the threads now; whoever wants to later finds new ones.
                unused = pool;
                pool = null;
                unstarted = startWhatMay();
            }
        }
        // Whoever waits is told now: a read of the store may take its time to be interrupted.
        dropped.forEach(queued -> drop(queued, Futures.stopped(null)));
        unstarted.forEach(Unstarted::drop);
        boolean interrupted = Thread.interrupted();
        try {
            boolean requestsEnded = awaitEnd(client);
            boolean threadsEnded = unused == null || unused.close(CLOSE_SECONDS);
            if (!requestsEnded || !threadsEnded) {
                LOG.warn("Requests to the checkpoint store did not end when they were interrupted");
            }
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until no request of the client runs. */
    private synchronized boolean awaitEnd(Client client) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
        while (runs(client)) {
            long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (millis <= 0) {
                return false;
            }
            wait(millis);
        }
        return true;
    }

    private boolean runs(Client client) {
        return running.keySet().stream().anyMatch(queued -> queued.client() == client);
    }
}
