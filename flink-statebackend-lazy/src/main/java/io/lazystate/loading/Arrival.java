package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/** Loads that were asked for and are on their way. Threads: the task's waits. */
@Internal
public final class Arrival {
    private final List<? extends CompletableFuture<?>> wave;

    Arrival(List<? extends CompletableFuture<?>> wave) {
        this.wave = wave;
    }

    /**
     * Waits until everything is here.
     *
     * @throws LazyStateException as of the reads
     */
    public void await() {
        wave.forEach(Futures::awaitUninterruptibly);
    }

    /**
     * Waits until everything is here or has failed, for as long as there is time.
     *
     * @return false if time ran out
     */
    public boolean awaitDone(LongSupplier nanosLeft) {
        for (CompletableFuture<?> one : wave) {
            if (!Futures.awaitDoneUninterruptibly(one, Math.max(0, nanosLeft.getAsLong()))) {
                return false;
            }
        }
        return true;
    }

    /** An error of one of the reads so far, or null. */
    public @Nullable LazyStateException failure() {
        for (CompletableFuture<?> one : wave) {
            if (one.isCompletedExceptionally()) {
                try {
                    Futures.await(one);
                } catch (LazyStateException e) {
                    return e;
                }
            }
        }
        return null;
    }
}
