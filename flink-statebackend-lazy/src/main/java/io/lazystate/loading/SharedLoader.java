package io.lazystate.loading;

import io.lazystate.loading.LoadQueues.Queued;
import io.lazystate.metrics.LoadCause;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
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
 * single one. So what a task waits for never waits for them. Idle threads end after a while, and
 * all of them with the last client. Threads: any.
 */
@Internal
public final class SharedLoader {
    private static final Logger LOG = LoggerFactory.getLogger(SharedLoader.class);

    /** Eight extents of the default size, of which some bytes are on the heap and most on disk. */
    private static final long MAX_BACKGROUND_BYTES = 512L << 20;

    private static final long CLOSE_SECONDS = 30;

    /** That of this process: a class loader with classes of ours of its own has one of its own. */
    private static final SharedLoader OF_PROCESS = new SharedLoader(MAX_BACKGROUND_BYTES);

    private final long maxBackgroundBytes;
    private final Set<Client> clients = new HashSet<>();
    private final LoadQueues queues = new LoadQueues();

    /** Those that run, with their threads once these have begun. */
    private final IdentityHashMap<Queued, Optional<Thread>> running = new IdentityHashMap<>();

    private int backgroundRunning;
    private long backgroundBytes;
    private int threads;
    private @Nullable LoaderPool pool;

    SharedLoader(long maxBackgroundBytes) {
        this.maxBackgroundBytes = maxBackgroundBytes;
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
         * Drops the requests that wait, interrupts those that run, and waits for these to end, and
         * for the threads if no other client uses them. Others go on. Closing twice does nothing.
         */
        @Override
        public void close() {
            SharedLoader.this.close(this);
        }
    }

    private void enqueue(Queued queued) {
        synchronized (this) {
            if (!clients.contains((Client) queued.client())) {
                throw new RejectedExecutionException("The loader of this backend is closed");
            }
            queues.add(queued);
            startWhatMay();
        }
    }

    /** Hands requests to threads for as long as the bounds allow. */
    private void startWhatMay() {
        for (Queued next = takeNext(); next != null; next = takeNext()) {
            Queued first = next;
            LoaderPool executor = pool == null ? new LoaderPool() : pool;
            pool = executor;
            try {
                executor.execute(() -> work(first, executor));
            } catch (Throwable t) { // no thread could be made
                finished(first);
                throw t;
            }
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
        queues.remove(next);
        running.put(next, Optional.empty());
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
                    current.request().dropped();
                }
            } catch (Throwable t) {
                LOG.error("A request to the checkpoint store failed without telling anybody", t);
            }
            synchronized (this) {
                finished(current);
                // It was meant for the request that has ended: whoever interrupts holds the lock.
                Thread.interrupted();
                current = mine == pool ? takeNext() : null;
                startWhatMay();
            }
        }
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
                        }
                    });
            if (running.keySet().stream().allMatch(queued -> queued.client() == client)) {
                // Nobody else uses the threads now; whoever wants to later finds new ones.
                unused = pool;
                pool = null;
                startWhatMay();
            }
        }
        dropped.forEach(queued -> queued.request().dropped());
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
