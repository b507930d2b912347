package io.lazystate.paging;

import io.lazystate.run.RowBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jpountz.xxhash.XXHash32;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.datasketches.frequencies.ErrorType;
import org.apache.datasketches.frequencies.ItemsSketch;

/**
 * The keys that are read most, of all states of one backend, estimated from a sample of the reads.
 *
 * <p>A sketch of frequent items of this window of samples, and what the one before found, so that
 * keys that cool down are forgotten. Threads: the task thread. Cost: one read in {@link
 * #READS_A_SAMPLE} is counted. Bound: three quarters of {@link #SKETCH_SLOTS} keys a window.
 */
final class HotKeys {
    /** A power of two. */
    static final int READS_A_SAMPLE = 16;

    static final int WINDOW_SAMPLES = 1 << 20;

    /** A power of two. */
    static final int SKETCH_SLOTS = 1 << 15;

    /** A key once sampled says nothing: most keys of an even load are. */
    private static final int FEWEST_SAMPLES = 2;

    private static final XXHash32 HASH = XXHashFactory.fastestJavaInstance().hash32();

    /** A key of a state, and how often it was sampled at least. */
    record HotKey(PagedState state, byte[] key, long samples) {}

    private record Restored(PagedState state, RowBlock rows) {}

    private record Id(PagedState state, byte[] key) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Id that && state == that.state && Arrays.equals(key, that.key);
        }

        @Override
        public int hashCode() {
            return HASH.hash(key, 0, key.length, state.id());
        }
    }

    private ItemsSketch<Id> window = new ItemsSketch<>(SKETCH_SLOTS);
    private Map<Id, Long> windowBefore = Map.of();
    private final List<Restored> restored = new ArrayList<>();
    private int reads;

    /** Notes a read; returns whether it is one of the sample, and is to be counted. */
    boolean noteRead() {
        return (++reads & (READS_A_SAMPLE - 1)) == 0;
    }

    /** Counts a read of the sample; the key is kept, and must not change. */
    void count(PagedState state, byte[] key) {
        count(state, key, 1);
    }

    /**
     * Notes rows that were hot before a restore, so that they are not forgotten at once. Cost: none
     * before {@link #all} is asked for, so the restore does not wait for it.
     */
    void seed(PagedState state, RowBlock rows) {
        restored.add(new Restored(state, rows));
    }

    private void count(PagedState state, byte[] key, int samples) {
        window.update(new Id(state, key), samples);
        if (window.getStreamLength() >= WINDOW_SAMPLES) {
            windowBefore = frequent(window);
            window = new ItemsSketch<>(SKETCH_SLOTS);
        }
    }

    /** A copy of what is known now, in no order; states may be among them that were dropped. */
    List<HotKey> all() {
        for (Restored block : restored) {
            for (int row = 0; row < block.rows().size(); row++) {
                count(block.state(), block.rows().key(row), FEWEST_SAMPLES);
            }
        }
        restored.clear();
        Map<Id, Long> samples = frequent(window);
        windowBefore.forEach((id, count) -> samples.merge(id, count, Long::sum));
        List<HotKey> hot = new ArrayList<>(samples.size());
        samples.forEach((id, count) -> hot.add(new HotKey(id.state(), id.key(), count)));
        return hot;
    }

    private static Map<Id, Long> frequent(ItemsSketch<Id> sketch) {
        Map<Id, Long> samples = new HashMap<>();
        for (ItemsSketch.Row<Id> row :
                sketch.getFrequentItems(FEWEST_SAMPLES - 1, ErrorType.NO_FALSE_POSITIVES)) {
            samples.put(row.getItem(), row.getLowerBound());
        }
        return samples;
    }
}
