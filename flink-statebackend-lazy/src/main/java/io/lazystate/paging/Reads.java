package io.lazystate.paging;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.rocksdb.AbstractSlice;
import org.rocksdb.ReadOptions;
import org.rocksdb.ReadTier;
import org.rocksdb.Slice;
import org.rocksdb.Snapshot;

/**
 * How rows of the local database are read: whatever a column family's options are, no row within
 * the bounds is left out. No other class makes read options.
 *
 * <p>A column family of the user's may have a prefix extractor; an iterator that does not ask for
 * the total order then ends, without an error, somewhere behind the prefix that it was sent to.
 * Threads: any. Ownership: closing it closes what it made; an iterator is closed before, since it
 * reads the bounds where they are.
 */
@Internal
public final class Reads implements AutoCloseable {
    private final ReadOptions options;
    private final boolean callers;

    /** Bounds of this one's own. */
    private final List<Slice> slices = new ArrayList<>(2);

    private Reads(ReadOptions options, boolean callers) {
        this.options = options;
        this.callers = callers;
    }

    /** What is there when it is read. */
    static Reads now() {
        return new Reads(inTotalOrder(), false);
    }

    /** What was there when the snapshot was taken, which has to live as long. */
    static Reads at(Snapshot snapshot) {
        return new Reads(inTotalOrder().setSnapshot(snapshot), false);
    }

    /** What is there, once: nobody will read it again. */
    static Reads once() {
        return new Reads(inTotalOrder().setFillCache(false), false);
    }

    /**
     * What a caller asks for: its snapshot, its bounds and how it reads; not what would hide rows.
     *
     * <p>Cost: some native calls if the caller's options are {@link #complete} already.
     *
     * @param options the caller's; they and their bounds have to live as long
     */
    static Reads by(ReadOptions options) {
        return isComplete(options) ? new Reads(options, true) : new Reads(complete(options), false);
    }

    /**
     * A caller's options without what would hide rows within their bounds: prefixes, a filter of
     * files, parts of the database, a limit of rows passed over.
     *
     * @return new ones, with the caller's snapshot and bounds; the caller closes them
     */
    public static ReadOptions complete(ReadOptions callers) {
        // Named one by one: some of what is left out cannot be read.
        ReadOptions options =
                inTotalOrder()
                        .setFillCache(callers.fillCache())
                        .setVerifyChecksums(callers.verifyChecksums())
                        .setPinData(callers.pinData())
                        .setReadaheadSize(callers.readaheadSize())
                        .setBackgroundPurgeOnIteratorCleanup(
                                callers.backgroundPurgeOnIteratorCleanup())
                        .setDeadline(callers.deadline())
                        .setIoTimeout(callers.ioTimeout());
        Snapshot snapshot = callers.snapshot();
        if (snapshot != null) {
            options.setSnapshot(snapshot);
        }
        AbstractSlice<?> lower = callers.iterateLowerBound();
        if (lower != null) {
            options.setIterateLowerBound(lower);
        }
        AbstractSlice<?> upper = callers.iterateUpperBound();
        if (upper != null) {
            options.setIterateUpperBound(upper);
        }
        return options;
    }

    private static boolean isComplete(ReadOptions options) {
        return options.totalOrderSeek()
                && !options.prefixSameAsStart()
                && !options.autoPrefixMode()
                && !options.tailing()
                && !options.ignoreRangeDeletions()
                && options.maxSkippableInternalKeys() == 0
                && options.readTier() == ReadTier.READ_ALL_TIER;
    }

    private static ReadOptions inTotalOrder() {
        return new ReadOptions().setTotalOrderSeek(true);
    }

    /**
     * The same moment, within bounds of another column family; the caller closes it.
     *
     * @param lower inclusive
     * @param upper exclusive; null: to the end
     */
    Reads within(byte[] lower, byte @Nullable [] upper) {
        ReadOptions same = inTotalOrder().setFillCache(options.fillCache());
        Snapshot snapshot = options.snapshot();
        if (snapshot != null) {
            same.setSnapshot(snapshot);
        }
        Reads bounded = new Reads(same, false);
        same.setIterateLowerBound(bounded.slice(lower));
        if (upper != null) {
            same.setIterateUpperBound(bounded.slice(upper));
        }
        return bounded;
    }

    private Slice slice(byte[] bytes) {
        Slice slice = new Slice(bytes);
        slices.add(slice);
        return slice;
    }

    ReadOptions options() {
        return options;
    }

    Bounds bounds() {
        return new Bounds(bytes(options.iterateLowerBound()), bytes(options.iterateUpperBound()));
    }

    private static byte @Nullable [] bytes(@Nullable Slice bound) {
        return bound == null ? null : bound.data();
    }

    @Override
    public void close() {
        if (!callers) {
            options.close();
        }
        slices.forEach(Slice::close);
    }
}
