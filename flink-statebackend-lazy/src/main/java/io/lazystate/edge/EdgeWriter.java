package io.lazystate.edge;

import java.io.ByteArrayInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes entries in a thread of its own, so that nobody who waits for bytes waits for them to be
 * cached too.
 *
 * <p>Bounds: {@link #MAX_BYTES} of heap and {@link #MAX_QUEUED} entries that wait; what comes when
 * they are used up is not cached. Closing writes what waits, and ends the thread.
 */
final class EdgeWriter implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(EdgeWriter.class);

    static final long MAX_BYTES = 32L << 20;
    static final int MAX_QUEUED = 1_024;

    /** Files that wait to be copied are open, and take space on the disk. */
    private static final long FILE_WEIGHT_BYTES = MAX_BYTES / 16;

    private static final long CLOSE_SECONDS = 30;

    /** Takes one entry in; must not throw. */
    interface Target {
        void write(EdgeEntry entry, InputStream bytes);
    }

    private record Waiting(EdgeEntry entry, InputStream bytes, long weight) {}

    private final Target target;
    private final Deque<Waiting> queue = new ArrayDeque<>();
    private final Thread thread = new Thread(this::run, "lazy-state-edge-cache");
    private long queuedBytes;
    private boolean closed;

    /**
     * @throws IOException if no thread can be made
     */
    EdgeWriter(Target target) throws IOException {
        this.target = target;
        thread.setDaemon(true);
        try {
            thread.start();
        } catch (OutOfMemoryError e) {
            throw new IOException("no thread can be made: " + e, e);
        }
    }

    /** Has an entry written, if there is room in the queue. */
    void offer(EdgeEntry entry, byte[] bytes) {
        boolean unused = enqueue(entry, new ByteArrayInputStream(bytes), bytes.length);
    }

    /** As above, from an open file that is closed here; it may be moved or deleted meanwhile. */
    void offerFile(EdgeEntry entry, InputStream file) throws IOException {
        if (!enqueue(entry, file, FILE_WEIGHT_BYTES)) {
            file.close();
        }
    }

    private synchronized boolean enqueue(EdgeEntry entry, InputStream bytes, long weight) {
        if (closed || queue.size() >= MAX_QUEUED || queuedBytes + weight > MAX_BYTES) {
            return false;
        }
        queue.add(new Waiting(entry, bytes, weight));
        queuedBytes += weight;
        notifyAll();
        return true;
    }

    private void run() {
        for (Waiting next = take(); next != null; next = take()) {
            try (InputStream bytes = next.bytes()) {
                target.write(next.entry(), bytes);
            } catch (IOException e) {
                LOG.debug("A file that was read could not be closed", e);
            } finally {
                written(next);
            }
        }
    }

    private synchronized @Nullable Waiting take() {
        while (queue.isEmpty() && !closed) {
            try {
                wait();
            } catch (InterruptedException e) {
                closed = true; // nobody of ours does that
            }
        }
        return queue.poll();
    }

    private synchronized void written(Waiting waiting) {
        queuedBytes -= waiting.weight();
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        boolean interrupted = Thread.interrupted();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
        while (thread.isAlive() && System.nanoTime() < deadline) {
            try {
                TimeUnit.NANOSECONDS.timedJoin(thread, deadline - System.nanoTime());
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (thread.isAlive()) {
            LOG.warn("The edge cache is still being written after {} s", CLOSE_SECONDS);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
