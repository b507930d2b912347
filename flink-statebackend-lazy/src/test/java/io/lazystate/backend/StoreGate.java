package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Stands before a store and lets requests pass, fail, or wait.
 *
 * <p>Threads: any. A request waits until it may pass, or its thread is interrupted: by its task's
 * end, or by the watchdog.
 */
final class StoreGate implements RangedReader {
    private final RangedReader store;
    private volatile boolean closed;
    private volatile boolean refusing;
    private final Deque<CountDownLatch> waves = new ArrayDeque<>();
    private final Semaphore heldDownloads = new Semaphore(0);
    private volatile @Nullable Semaphore downloads;

    StoreGate(RangedReader store) {
        this.store = store;
    }

    /** Every request fails from now on. */
    void close() {
        closed = true;
    }

    /** Downloads fail from now on, as if the store did not answer. */
    StoreGate refuseDownloads() {
        refusing = true;
        return this;
    }

    /**
     * The next requests wait for each other: of the first wave none is answered before this many
     * have come, then the next wave begins. What comes after the last one passes.
     */
    synchronized StoreGate expectWaves(int... requests) {
        for (int wave : requests) {
            waves.add(new CountDownLatch(wave));
        }
        return this;
    }

    /** How many requests the expected waves still miss. */
    synchronized long missing() {
        return waves.stream().mapToLong(CountDownLatch::getCount).sum();
    }

    /** Downloads wait from now on until they are let pass, or their thread is interrupted. */
    StoreGate holdDownloads() {
        downloads = new Semaphore(0);
        return this;
    }

    /** Lets so many more downloads pass. */
    void letDownloadsPass(int more) {
        Objects.requireNonNull(downloads).release(more);
    }

    /** Returns when so many more downloads have come, in all calls together. */
    void awaitDownloads(int more) throws InterruptedException {
        heldDownloads.acquire(more);
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        pass(object);
        return store.read(object, offset, length);
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        pass(object);
        if (refusing) {
            throw error(Kind.UNAVAILABLE, object, "downloads are refused");
        }
        Semaphore permits = downloads;
        if (permits != null) {
            heldDownloads.release();
            await(permits::acquire, object);
        }
        return store.download(object, offset, length, target);
    }

    private void pass(StoredObject object) {
        if (closed) {
            throw error(Kind.UNAVAILABLE, object, "the gate is closed");
        }
        CountDownLatch wave = join();
        if (wave != null) {
            await(wave::await, object);
        }
    }

    private synchronized @Nullable CountDownLatch join() {
        CountDownLatch wave = waves.peek();
        if (wave != null) {
            wave.countDown();
            if (wave.getCount() == 0) {
                waves.remove();
            }
        }
        return wave;
    }

    private interface Waiting {
        void end() throws InterruptedException;
    }

    private static void await(Waiting waiting, StoredObject object) {
        try {
            waiting.end();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw error(Kind.CLOSED, object, "interrupted");
        }
    }

    private static LazyStateException error(Kind kind, StoredObject object, String problem) {
        return new LazyStateException(kind, Where.object(object.name()), problem, null);
    }
}
