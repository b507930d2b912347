package io.lazystate.paging;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.function.Supplier;
import org.rocksdb.ReadOptions;
import org.rocksdb.ReadTier;
import org.rocksdb.Slice;

/** Read options that a caller might have, and what they must not leave out. */
final class RandomReads implements AutoCloseable {
    private final ReadOptions options;
    private final List<Slice> slices = new ArrayList<>();
    private byte[] lower;
    private byte[] upper;

    /**
     * @param original has the snapshot, if there is one
     */
    RandomReads(Random random, Supplier<byte[]> keys, ReadOptions original) {
        this.options = new ReadOptions(original);
        if (random.nextBoolean()) {
            lower = keys.get();
            options.setIterateLowerBound(slice(lower));
        }
        if (random.nextBoolean()) {
            upper = keys.get();
            options.setIterateUpperBound(slice(upper));
        }
        options.setTotalOrderSeek(random.nextInt(4) == 0);
        options.setPrefixSameAsStart(random.nextInt(4) == 0);
        options.setAutoPrefixMode(random.nextInt(4) == 0);
        options.setTailing(random.nextInt(4) == 0);
        options.setMaxSkippableInternalKeys(random.nextInt(4) == 0 ? 1 : 0);
        options.setIgnoreRangeDeletions(random.nextInt(4) == 0);
        if (random.nextInt(4) == 0) {
            options.setReadTier(ReadTier.MEMTABLE_TIER);
        }
    }

    private Slice slice(byte[] key) {
        Slice slice = new Slice(key);
        slices.add(slice);
        return slice;
    }

    ReadOptions options() {
        return options;
    }

    /** What an iterator that is sent to a key shows of some rows. */
    NavigableMap<byte[], byte[]> rowsFrom(byte[] key, NavigableMap<byte[], byte[]> rows) {
        NavigableMap<byte[], byte[]> shown = rows.tailMap(key, true);
        if (lower != null && rows.comparator().compare(key, lower) < 0) {
            shown = rows.tailMap(lower, true);
        }
        return upper == null ? shown : RandomLayout.headOf(shown, upper);
    }

    @Override
    public void close() {
        options.close();
        slices.forEach(Slice::close);
    }
}
