package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Has another thread stand still at a place, until this is closed. */
final class Turns implements AutoCloseable {
    private static final long TOO_LONG_SECONDS = 60;

    private final CountDownLatch there = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);

    /** In the other thread. */
    void standStill() {
        there.countDown();
        await(goOn);
    }

    /** Waits until the other thread stands still. */
    void awaitStandstill() {
        await(there);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(TOO_LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        goOn.countDown();
    }
}
