package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.LoadExecutor.Request;
import io.lazystate.metrics.LoadCause;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;

/**
 * Requests of which the same one is made only once at a time.
 *
 * <p>Whoever asks for what is under way gets the same result; if it still waits for its turn, it
 * gets the turn of the most urgent one who asked. Threads: any.
 */
final class SingleFlight<K, V> {
    private final LoadExecutor executor;
    private final LongAdder pending;
    private final Map<K, Seat<K, V>> underWay = new ConcurrentHashMap<>();

    /**
     * @param pending counts the results that were asked for and are not here yet
     */
    SingleFlight(LoadExecutor executor, LongAdder pending) {
        this.executor = executor;
        this.pending = pending;
    }

    SingleFlight(LoadExecutor executor) {
        this(executor, new LongAdder());
    }

    /**
     * Starts a request unless the same is under way.
     *
     * @param bytes that it fetches
     * @param work gets the most urgent cause it was asked for; errors go to whoever waits
     */
    CompletableFuture<V> start(K key, LoadCause cause, long bytes, Function<LoadCause, V> work) {
        return start(List.of(key), cause, bytes, urgent -> List.of(work.apply(urgent)));
    }

    /**
     * Starts one request for several results, unless the first of them is under way. Whoever asks
     * for one of the others meanwhile gets it from here.
     *
     * @param keys of the results, at least one
     * @param work gives as many results, in order
     * @return the first result
     */
    CompletableFuture<V> start(
            List<K> keys, LoadCause cause, long bytes, Function<LoadCause, List<V>> work) {
        Flight mine = new Flight(keys, cause, bytes, work);
        Seat<K, V> other = underWay.putIfAbsent(keys.get(0), mine.seats.get(0));
        if (other == null) {
            mine.begin();
            return mine.seats.get(0).result;
        }
        if (other.flight.promote(cause)) {
            submit(other.flight, cause);
        }
        return other.result;
    }

    /** Whether a request for this is under way, or waits for its turn. */
    boolean isUnderWay(K key) {
        return underWay.containsKey(key);
    }

    /** Whatever comes of it, whoever waits is answered: others may have joined meanwhile. */
    private void submit(SingleFlight<K, V>.Flight flight, LoadCause cause) {
        try {
            executor.execute(cause, flight.bytes, flight);
        } catch (RejectedExecutionException e) {
            flight.fail(Futures.stopped(e));
        } catch (Throwable t) {
            flight.fail(t);
        }
    }

    /** One result of a flight. */
    private static final class Seat<K, V> {
        private final SingleFlight<K, V>.Flight flight;
        private final CompletableFuture<V> result = new CompletableFuture<>();

        Seat(SingleFlight<K, V>.Flight flight) {
            this.flight = flight;
        }
    }

    /**
     * May be in the executor's queues several times, once for each cause; runs once, and is
     * answered once.
     */
    private final class Flight implements Request {
        private final List<K> keys;
        private final List<Seat<K, V>> seats;
        private final long bytes;
        private final Function<LoadCause, List<V>> work;
        private final AtomicBoolean started = new AtomicBoolean();
        private final AtomicBoolean answered = new AtomicBoolean();
        private final AtomicBoolean settled = new AtomicBoolean();
        private LoadCause cause;

        Flight(List<K> keys, LoadCause cause, long bytes, Function<LoadCause, List<V>> work) {
            this.keys = keys;
            this.seats = new ArrayList<>(keys.size());
            keys.forEach(key -> seats.add(new Seat<>(this)));
            this.cause = cause;
            this.bytes = bytes;
            this.work = work;
        }

        /** Takes the other seats, as far as they are free, and asks for a turn. */
        void begin() {
            pending.add(keys.size());
            for (int i = 1; i < keys.size(); i++) {
                underWay.putIfAbsent(keys.get(i), seats.get(i));
            }
            if (answered.get()) { // whoever joined has got it a turn, and it has left before
                removeSeats();
            } else {
                submit(this, cause());
            }
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
            if (started.compareAndSet(false, true) && !answered.get()) {
                try {
                    List<V> values = work.apply(cause());
                    leave();
                    for (int i = 0; i < seats.size(); i++) {
                        seats.get(i).result.complete(values.get(i));
                    }
                    settle();
                } catch (Throwable t) {
                    fail(t);
                }
            }
        }

        @Override
        public void dropped(LazyStateException why) {
            fail(why);
        }

        private void fail(Throwable t) {
            leave();
            seats.forEach(seat -> seat.result.completeExceptionally(t));
            settle();
        }

        /** Last: whoever goes on with a result may have asked for more. */
        private void settle() {
            if (settled.compareAndSet(false, true)) {
                pending.add(-keys.size());
            }
        }

        /** From now on the same is asked for again. */
        private void leave() {
            if (answered.compareAndSet(false, true)) {
                removeSeats();
            }
        }

        private void removeSeats() {
            for (int i = 0; i < keys.size(); i++) {
                underWay.remove(keys.get(i), seats.get(i));
            }
        }
    }
}
