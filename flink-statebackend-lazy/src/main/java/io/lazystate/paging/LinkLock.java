package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The right to work in the main column families on rows that nobody sees: whoever links, purges or
 * drops does so alone. Threads: any; the task thread waits for it only before it drops a state.
 */
final class LinkLock {
    private final ReentrantLock lock = new ReentrantLock();

    /** Waits for the right; the caller closes it. */
    Held take() {
        lock.lock();
        return new Held();
    }

    /** The right, if nobody has it. */
    @Nullable Held tryTake() {
        return lock.tryLock() ? new Held() : null;
    }

    /** Proof that the current thread has the right. */
    final class Held implements AutoCloseable {
        private Held() {}

        /**
         * @throws LazyStateException INTERNAL if the right was given back, or is another thread's
         */
        void require() {
            if (!lock.isHeldByCurrentThread()) {
                throw new LazyStateException(
                        Kind.INTERNAL,
                        Where.NOWHERE,
                        "Rows are linked or purged by a thread that does not hold the link; report"
                                + " this",
                        null);
            }
        }

        @Override
        public void close() {
            lock.unlock();
        }
    }
}
