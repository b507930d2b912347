package io.lazystate.loading;

import io.lazystate.run.RowCursor;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Merges sorted sources of one key range; of rows with the same key the newest source's counts
 * (I2).
 *
 * <p>Threads: one. Cost: one comparison for each source and step; there are at most nine (I1).
 */
@Internal
public final class MergeCursor implements RowCursor {
    private final RowCursor[] newestFirst;
    private final byte[] lower;
    private final byte @Nullable [] upper;
    private final boolean keepRemovals;
    private @Nullable RowCursor current;
    private byte[] key = {};

    /**
     * @param newestFirst sources, the one whose rows count first
     * @param lower first key of the range; rows before it do not count
     * @param upper end of the range, exclusive; null for none
     * @param keepRemovals whether removals are rows to show; otherwise they only hide older rows
     */
    public MergeCursor(
            List<? extends RowCursor> newestFirst,
            byte[] lower,
            byte @Nullable [] upper,
            boolean keepRemovals) {
        this.newestFirst = newestFirst.toArray(new RowCursor[0]);
        this.lower = lower;
        this.upper = upper;
        this.keepRemovals = keepRemovals;
    }

    @Override
    public void seekToFirst() {
        seek(lower);
    }

    @Override
    public void seek(byte[] target) {
        byte[] start = Arrays.compareUnsigned(target, lower) < 0 ? lower : target;
        for (RowCursor source : newestFirst) {
            source.seek(start);
        }
        settle();
    }

    @Override
    public boolean valid() {
        return current != null;
    }

    @Override
    public void next() {
        advancePast(key);
        settle();
    }

    @Override
    public byte[] key() {
        return key;
    }

    @Override
    public boolean isRemoval() {
        return keepRemovals && row().isRemoval();
    }

    @Override
    public byte[] value() {
        return row().value();
    }

    private void settle() {
        while (true) {
            RowCursor least = least();
            if (least == null || (upper != null && Arrays.compareUnsigned(key, upper) >= 0)) {
                current = null;
                return;
            }
            if (keepRemovals || !least.isRemoval()) {
                current = least;
                return;
            }
            advancePast(key);
        }
    }

    /** The newest of the sources that stand on the least key, which becomes the cursor's key. */
    private @Nullable RowCursor least() {
        RowCursor least = null;
        for (RowCursor source : newestFirst) {
            if (source.valid()) {
                byte[] candidate = source.key();
                if (least == null || Arrays.compareUnsigned(candidate, key) < 0) {
                    least = source;
                    key = candidate;
                }
            }
        }
        return least;
    }

    private void advancePast(byte[] passed) {
        for (RowCursor source : newestFirst) {
            if (source.valid() && Arrays.equals(source.key(), passed)) {
                source.next();
            }
        }
    }

    private RowCursor row() {
        RowCursor row = current;
        if (row == null) {
            throw new IllegalStateException("The cursor stands on no row");
        }
        return row;
    }
}
