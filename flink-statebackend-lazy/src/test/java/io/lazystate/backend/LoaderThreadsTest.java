package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Who closes the threads of a backend deletes their files next. */
class LoaderThreadsTest {
    @Test
    void areOverWhenTheyAreClosedByAThreadThatWasInterrupted() throws Exception {
        Thread closer = Thread.currentThread();
        AtomicBoolean closed = new AtomicBoolean();
        AtomicBoolean over = new AtomicBoolean();
        CountDownLatch started = new CountDownLatch(1);
        LoaderThreads threads = new LoaderThreads(2);
        threads.start(
                "lazy-state-hydrator",
                () -> {
                    started.countDown();
                    // Native code does not hear of the interrupt; it ends in its own time.
                    while (!closed.get() && closer.getState() == Thread.State.RUNNABLE) {
                        Thread.onSpinWait();
                    }
                    over.set(!closed.get());
                });
        started.await();
        closer.interrupt();

        threads.close();

        closed.set(true);
        assertThat(Thread.interrupted()).as("still to be seen by others").isTrue();
        assertThat(over).as("the work was over").isTrue();
    }
}
