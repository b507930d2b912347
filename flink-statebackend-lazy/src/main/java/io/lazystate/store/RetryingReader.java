package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;

/**
 * Repeats what another reader found UNAVAILABLE, a bounded number of times.
 *
 * <p>Other kinds of error pass at once: a damaged object does not mend. When the attempts are used
 * up, the last error is thrown. Threads: any; it is the calling one that waits, and interrupting it
 * ends the wait with CLOSED.
 */
@Internal
public final class RetryingReader implements RangedReader {

    private final RangedReader reader;
    private final int attempts;
    private final Backoff backoff;
    private final Sleeper sleeper;

    /**
     * @param attempts how often one request is tried in all, at least 1
     * @param sleeper usually {@code Thread::sleep}
     */
    public RetryingReader(RangedReader reader, int attempts, Backoff backoff, Sleeper sleeper) {
        if (attempts < 1) {
            throw new IllegalArgumentException("attempts must be at least 1: " + attempts);
        }
        this.reader = reader;
        this.attempts = attempts;
        this.backoff = backoff;
        this.sleeper = sleeper;
    }

    @Override
    public byte[] read(StoredObject object, long offset, int length) {
        return retry(() -> reader.read(object, offset, length));
    }

    @Override
    public int download(StoredObject object, long offset, long length, Path target) {
        return retry(() -> reader.download(object, offset, length, target));
    }

    private <T> T retry(Supplier<T> request) {
        for (int attempt = 1; ; attempt++) {
            try {
                return request.get();
            } catch (LazyStateException e) {
                if (e.kind() != Kind.UNAVAILABLE || attempt == attempts) {
                    throw e;
                }
                pause(attempt, e.where());
            }
        }
    }

    private void pause(int failures, Where where) {
        try {
            sleeper.sleep(backoff.delayMillis(failures));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LazyStateException(
                    Kind.CLOSED, where, "interrupted while waiting to read again", e);
        }
    }
}
