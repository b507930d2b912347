package io.lazystate.loading;

/**
 * The waits of one task for the store, so that others can give way to them.
 *
 * <p>Threads: any.
 */
final class DemandWaits {
    private long begun;
    private long ended;

    synchronized void begin() {
        begun++;
    }

    synchronized void end() {
        ended++;
        notifyAll();
    }

    /**
     * Returns when as many waits have ended as were under way. Those that begin later do not count:
     * a task that waits all the time must not keep everything from ever becoming resident.
     */
    synchronized void awaitEnd() throws InterruptedException {
        long until = begun;
        while (ended < until) {
            wait();
        }
    }
}
