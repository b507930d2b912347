package io.lazystate.examples.store;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/**
 * The timing of one connection: a request's bytes never come ahead of its start plus the latency
 * plus bytes / speed. Threads: one.
 */
final class Pace {
    private final StoreProfile profile;
    private final Sleeper sleeper;
    private long startNanos;
    private long bytes;

    Pace(StoreProfile profile, Sleeper sleeper) {
        this.profile = profile;
        this.sleeper = sleeper;
    }

    /** Starts a request; its first byte is due after the latency. */
    void startRequest() {
        startNanos = sleeper.nanoTime();
        bytes = 0;
    }

    /** Waits until so many more bytes of the request are due. */
    void await(long moreBytes) throws IOException {
        bytes += moreBytes;
        long due = startNanos + TimeUnit.MILLISECONDS.toNanos(profile.firstByteMillis());
        if (profile.bytesPerSecond() > 0) {
            due += (long) (bytes * (double) TimeUnit.SECONDS.toNanos(1) / profile.bytesPerSecond());
        }
        long left = due - sleeper.nanoTime();
        if (left > 0) {
            sleeper.sleep(left);
        }
    }
}
