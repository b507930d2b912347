package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.StoreMetrics;
import java.io.EOFException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to read a range: a request, and a second one if the first is not answered soon. The
 * first answer wins, and the other request is ended.
 *
 * <p>Used once, by the thread that waits.
 */
final class S3Race {

    private final S3Connections connections;
    private final S3Range range;
    private final StoreMetrics metrics;
    private final List<Runner> runners = new ArrayList<>(2);
    private final BlockingQueue<Runner> ended = new LinkedBlockingQueue<>();

    /**
     * @param metrics of whoever reads; counts the second request
     */
    S3Race(S3Connections connections, S3Range range, StoreMetrics metrics) {
        this.connections = connections;
        this.range = range;
        this.metrics = metrics;
    }

    byte[] run() {
        connections.enter(false, range.where());
        connections.hedges().earn();
        try {
            start();
            return await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw S3Failures.closed(range.where(), e);
        } finally {
            for (Runner runner : runners) {
                runner.call.end(S3Call.End.CANCELLED);
            }
        }
    }

    private byte[] await() throws InterruptedException {
        Runner first = null;
        long hedgeMillis = connections.limits().hedgeDelay().toMillis();
        if (hedgeMillis > 0) {
            first = ended.poll(hedgeMillis, TimeUnit.MILLISECONDS);
            if (first == null && mayHedge()) {
                start();
                metrics.hedges().increment();
            }
        }
        for (int left = runners.size(); ; left--) {
            Runner runner = first != null ? first : ended.take();
            first = null;
            byte[] bytes = runner.bytes;
            if (bytes != null) {
                if (runner != runners.get(0)) {
                    metrics.hedgesWon().increment();
                }
                return bytes;
            }
            LazyStateException error = runner.error;
            if (error != null && (left == 1 || error.kind() != Kind.UNAVAILABLE)) {
                throw error;
            }
        }
    }

    private boolean mayHedge() {
        if (!connections.tryEnter()) {
            return false;
        }
        if (!connections.hedges().take()) {
            connections.leave(false);
            return false;
        }
        return true;
    }

    /** Starts a request with the connection that was entered. */
    private void start() {
        Runner runner = new Runner();
        try {
            connections.start(runner, range.where());
        } catch (RuntimeException | Error e) {
            connections.leave(false);
            throw e;
        }
        runners.add(runner);
    }

    private final class Runner implements Runnable {
        private final S3Call call = new S3Call();
        private byte @Nullable [] bytes;
        private @Nullable LazyStateException error;

        @Override
        public void run() {
            try {
                bytes =
                        connections.get(
                                range,
                                call,
                                in -> {
                                    byte[] read = new byte[(int) range.length()];
                                    if (in.readNBytes(read, 0, read.length) < read.length) {
                                        throw new EOFException("the response is cut");
                                    }
                                    return read;
                                });
            } catch (LazyStateException e) {
                error = e;
            } catch (RuntimeException | Error e) {
                error =
                        new LazyStateException(
                                Kind.INTERNAL, range.where(), "the read failed: " + e, e);
            } finally {
                connections.leave(false);
                ended.add(this);
            }
        }
    }
}
