package io.lazystate.snapshot;

import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Which rows of a state with a time to live have expired, as RocksDB's compaction would tell.
 *
 * <p>Threads: one at a time, of any kind; each checkpoint has its own. It knows the rows of the
 * moment it was taken: a state that is migrated later has another.
 */
@Internal
@FunctionalInterface
public interface RowExpiry {
    /** What is left of a row's value: itself, a part of a list, or null if the row has expired. */
    byte @Nullable [] live(byte[] value);
}
