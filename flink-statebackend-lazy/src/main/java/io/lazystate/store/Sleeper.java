package io.lazystate.store;

import org.apache.flink.annotation.Internal;

/** Lets the calling thread wait; tests pass one that only takes notes. */
@Internal
@FunctionalInterface
public interface Sleeper {

    /** Waits this many milliseconds, or throws if the thread is interrupted meanwhile. */
    void sleep(long millis) throws InterruptedException;
}
