package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/** Errors of the local database, as ours. */
final class Natives {
    private Natives() {}

    /** Throws if the iterator ended on an error: an error is never "absent" (I3). */
    static void check(RocksIterator iterator) {
        try {
            iterator.status();
        } catch (RocksDBException e) {
            throw failed(Where.NOWHERE, "reading", e);
        }
    }

    static LazyStateException failed(Where where, String doing, RocksDBException cause) {
        return new LazyStateException(
                Kind.UNAVAILABLE,
                where,
                "The local RocksDB failed while "
                        + doing
                        + ": "
                        + cause.getMessage()
                        + "; check the local disk, the task restarts from its last checkpoint",
                cause);
    }
}
