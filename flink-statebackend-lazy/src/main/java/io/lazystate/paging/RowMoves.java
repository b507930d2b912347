package io.lazystate.paging;

import java.util.concurrent.locks.StampedLock;
import org.rocksdb.RocksDBException;

/**
 * Tells readers that rows have changed their place between column families meanwhile, so that they
 * read again. Threads: the task thread moves, any reads.
 */
final class RowMoves {
    private final StampedLock lock = new StampedLock();

    /** Proof that readers of other threads will read again. */
    static final class Move {
        private Move() {}
    }

    interface Work {
        void run(Move move) throws RocksDBException;
    }

    /** Changes where rows are. */
    void move(Work work) throws RocksDBException {
        long stamp = lock.writeLock();
        try {
            work.run(new Move());
        } finally {
            lock.unlockWrite(stamp);
        }
    }

    /** Before rows are read: what {@link #stayed} wants to know. */
    long stamp() {
        return lock.tryOptimisticRead();
    }

    /** Whether no row has changed its place since. */
    boolean stayed(long stamp) {
        return lock.validate(stamp);
    }
}
