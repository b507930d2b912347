package io.lazystate.paging;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The keys that are read most, of all states of one backend, estimated from a sample of the reads.
 *
 * <p>Counts of a bounded number of keys; when there are more, all counts are halved and what comes
 * to zero is forgotten, so that keys that cool down leave too. Threads: the task thread. Cost: one
 * read in {@link #READS_A_SAMPLE} is counted. Bound: {@link #MAX_KEYS} keys.
 */
final class HotKeys {
    /** A power of two. */
    static final int READS_A_SAMPLE = 16;

    static final int MAX_KEYS = 1 << 15;

    /** A key once sampled says nothing: most keys of an even load are. */
    private static final int FEWEST_SAMPLES = 2;

    /** A key of a state and how often it was sampled. */
    record HotKey(PagedState state, byte[] key, int samples) {
        /** Whether it is more than noise. */
        boolean isHot() {
            return samples >= FEWEST_SAMPLES;
        }
    }

    private record Id(int state, byte[] key) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Id that && state == that.state && Arrays.equals(key, that.key);
        }

        @Override
        public int hashCode() {
            return 31 * state + Arrays.hashCode(key);
        }
    }

    private final Map<Id, HotKey> samples = new HashMap<>();
    private int reads;

    /**
     * Notes a read; the key is kept, and must not change.
     *
     * @return whether it is one of the sample
     */
    boolean read(PagedState state, byte[] key) {
        boolean sampled = (++reads & (READS_A_SAMPLE - 1)) == 0;
        if (sampled) {
            count(state, key, 1);
        }
        return sampled;
    }

    /** Notes a key that was hot before a restore, so that it is not forgotten at once. */
    void seed(PagedState state, byte[] key) {
        count(state, key, FEWEST_SAMPLES);
    }

    private void count(PagedState state, byte[] key, int more) {
        samples.merge(
                new Id(state.id(), key),
                new HotKey(state, key, more),
                (old, added) -> new HotKey(state, old.key(), old.samples() + added.samples()));
        if (samples.size() > MAX_KEYS) {
            samples.replaceAll((id, hot) -> new HotKey(hot.state(), hot.key(), hot.samples() / 2));
            samples.values().removeIf(hot -> hot.samples() == 0);
        }
    }

    /** Forgets the keys of a state that was dropped. */
    void drop(PagedState state) {
        samples.values().removeIf(hot -> hot.state() == state);
    }

    /** A copy of what is known now, in no order. */
    List<HotKey> all() {
        List<HotKey> hot = new ArrayList<>();
        for (HotKey key : samples.values()) {
            if (key.isHot()) {
                hot.add(key);
            }
        }
        return hot;
    }
}
