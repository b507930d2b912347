package io.lazystate.loading;

import io.lazystate.loading.LoadExecutor.Request;
import io.lazystate.metrics.LoadCause;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

/**
 * Requests of which the same one is made only once at a time.
 *
 * <p>Whoever asks for what is under way gets the same result; if it still waits for its turn, it
 * gets the turn of the most urgent one who asked. Threads: any.
 */
final class SingleFlight<K, V> {
    private final LoadExecutor executor;
    private final Map<K, Flight> underWay = new ConcurrentHashMap<>();

    SingleFlight(LoadExecutor executor) {
        this.executor = executor;
    }

    /**
     * Starts a request unless the same is under way.
     *
     * @param bytes that it fetches
     * @param work gets the most urgent cause it was asked for; errors go to whoever waits
     */
    CompletableFuture<V> start(K key, LoadCause cause, long bytes, Function<LoadCause, V> work) {
        Flight mine = new Flight(key, cause, bytes, work);
        Flight other = underWay.putIfAbsent(key, mine);
        if (other == null) {
            submit(mine, cause);
            return mine.result;
        }
        if (other.promote(cause)) {
            submit(other, cause);
        }
        return other.result;
    }

    private void submit(Flight flight, LoadCause cause) {
        try {
            executor.execute(cause, flight.bytes, flight);
        } catch (RejectedExecutionException e) {
            flight.dropped();
        }
    }

    /** May be in the executor's queues several times, once for each cause; runs once. */
    private final class Flight implements Request {
        private final K key;
        private final long bytes;
        private final Function<LoadCause, V> work;
        private final CompletableFuture<V> result = new CompletableFuture<>();
        private final AtomicBoolean started = new AtomicBoolean();
        private LoadCause cause;

        Flight(K key, LoadCause cause, long bytes, Function<LoadCause, V> work) {
            this.key = key;
            this.cause = cause;
            this.bytes = bytes;
            this.work = work;
        }

        synchronized boolean promote(LoadCause to) {
            if (started.get() || !to.isBefore(cause)) {
                return false;
            }
            cause = to;
            return true;
        }

        private synchronized LoadCause cause() {
            return cause;
        }

        @Override
        public void run() {
            if (started.compareAndSet(false, true)) {
                try {
                    V value = work.apply(cause());
                    underWay.remove(key);
                    result.complete(value);
                } catch (Throwable t) {
                    underWay.remove(key);
                    result.completeExceptionally(t);
                }
            }
        }

        @Override
        public void dropped() {
            if (started.compareAndSet(false, true)) {
                underWay.remove(key);
                result.completeExceptionally(Futures.stopped(null));
            }
        }
    }
}
