package io.lazystate.paging;

import java.nio.ByteBuffer;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * An iterator over what there is now, whose errors fail the task.
 *
 * <p>It has every method of an iterator, so that none is forgotten; {@link #close} alone is never
 * refused. Threads: one.
 */
final class TaskIterator extends RocksIterator {
    private final RocksIterator rows;
    private final FirstFailure failure;

    /**
     * @param rows closed with this iterator
     */
    TaskIterator(RocksDB db, RocksIterator rows, FirstFailure failure) {
        super(db, rows.getNativeHandle());
        disOwnNativeHandle(); // its own close frees it
        this.rows = rows;
        this.failure = failure;
    }

    @Override
    public void close() {
        rows.close();
    }

    @Override
    public boolean isValid() {
        failure.refuse();
        try {
            return rows.isValid();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void seekToFirst() {
        failure.refuse();
        try {
            rows.seekToFirst();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void seek(byte[] target) {
        failure.refuse();
        try {
            rows.seek(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void next() {
        failure.refuse();
        try {
            rows.next();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public byte[] key() {
        failure.refuse();
        try {
            return rows.key();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public byte[] value() {
        failure.refuse();
        try {
            return rows.value();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void status() throws RocksDBException {
        failure.refuse();
        try {
            rows.status();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void refresh() throws RocksDBException {
        failure.refuse();
        try {
            rows.refresh();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void seek(ByteBuffer target) {
        failure.refuse();
        try {
            rows.seek(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void seekToLast() {
        failure.refuse();
        try {
            rows.seekToLast();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void seekForPrev(byte[] target) {
        failure.refuse();
        try {
            rows.seekForPrev(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void seekForPrev(ByteBuffer target) {
        failure.refuse();
        try {
            rows.seekForPrev(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void prev() {
        failure.refuse();
        try {
            rows.prev();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public int key(byte[] target) {
        failure.refuse();
        try {
            return rows.key(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public int key(byte[] target, int offset, int length) {
        failure.refuse();
        try {
            return rows.key(target, offset, length);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public int key(ByteBuffer target) {
        failure.refuse();
        try {
            return rows.key(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public int value(byte[] target) {
        failure.refuse();
        try {
            return rows.value(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public int value(byte[] target, int offset, int length) {
        failure.refuse();
        try {
            return rows.value(target, offset, length);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public int value(ByteBuffer target) {
        failure.refuse();
        try {
            return rows.value(target);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }
}
