package io.lazystate;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Something that comes true by itself, in another thread.
 *
 * <p>There is no bound: how long it takes says nothing about the code on a busy machine. What never
 * comes true is for the watchdog ({@code io.lazystate.watchdog}), whose interrupt ends the wait.
 */
public final class Condition {
    private static final long POLL_NANOS = 100_000;

    private Condition() {}

    /**
     * Returns once it is true.
     *
     * @param what for the error if it does not come true, such as "the pages arrive"
     */
    public static void await(String what, BooleanSupplier isTrue) {
        while (!isTrue.getAsBoolean()) {
            if (Thread.currentThread().isInterrupted()) {
                throw new IllegalStateException("Interrupted while waiting until " + what);
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }
}
