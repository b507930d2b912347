package io.lazystate.backend;

import io.lazystate.backend.Attempt.Part;
import io.lazystate.snapshot.Patience;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/**
 * Asynchronous parts that wait for news of earlier checkpoints until they come or somebody loses
 * patience; those that run in the history's own thread, which brings the news, do not wait.
 */
final class FuzzWaits implements Patience {
    private final ThreadLocal<Part> current = new ThreadLocal<>();

    /** Runs an asynchronous part in another thread. */
    Future<?> run(Part part, ExecutorService threads) {
        return threads.submit(
                () -> {
                    current.set(part);
                    try {
                        part.future.run();
                    } finally {
                        current.remove();
                        part.settled.complete(null);
                        Thread.interrupted(); // by a mishap that cancelled
                    }
                });
    }

    /** Whether an asynchronous part waits for news, as long as nobody brings them. */
    static boolean isWaiting(Part part) {
        part.settled.join();
        return part.waited && !part.running.isDone();
    }

    /** Returns when an asynchronous part that runs in another thread has ended. */
    static void end(Part part) throws Exception {
        part.hurry.complete(null);
        part.running.get();
    }

    @Override
    public void await(Future<?> news) throws InterruptedException {
        Part part = current.get();
        if (part == null) {
            return;
        }
        part.waited = true;
        part.settled.complete(null);
        try {
            CompletableFuture.anyOf((CompletableFuture<?>) news, part.hurry).get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }
}
