package io.lazystate.examples.store;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.TimeUnit;

/** The passing of time, so that tests need not wait for it. */
interface Sleeper {
    /** The real time. */
    Sleeper REAL =
            new Sleeper() {
                @Override
                public long nanoTime() {
                    return System.nanoTime();
                }

                @Override
                public void sleep(long nanos) throws IOException {
                    try {
                        TimeUnit.NANOSECONDS.sleep(nanos);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                        throw new InterruptedIOException("Interrupted while waiting for the store");
                    }
                }
            };

    long nanoTime();

    /** Returns after so many nanoseconds, never before; fails if the thread is interrupted. */
    void sleep(long nanos) throws IOException;
}
