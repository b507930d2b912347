package io.lazystate.run;

import java.util.Arrays;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * A forward cursor over the rows of one page.
 *
 * <p>Not thread-safe. Cost of a seek: two binary searches and at most one restart interval (16
 * rows).
 */
@Internal
public final class PageCursor implements RowCursor {

    private final RawBlocks blocks;
    private final BlockCursor entry;
    private int block;
    private boolean valid;
    private boolean removal;
    private byte @Nullable [] key;

    PageCursor(RawBlocks blocks) {
        this.blocks = blocks;
        this.entry = new BlockCursor(blocks.bytes, blocks.where);
    }

    @Override
    public void seekToFirst() {
        enter(0, blocks.start(0));
        step();
    }

    @Override
    public void seek(byte[] target) {
        int found = lastBlockAtOrBefore(target);
        if (found < 0) {
            seekToFirst();
            return;
        }
        enter(found, lastRestartAtOrBefore(found, target));
        do {
            step();
        } while (valid && compareTo(target) < 0);
    }

    @Override
    public boolean valid() {
        return valid;
    }

    @Override
    public void next() {
        requireValid();
        step();
    }

    @Override
    public byte[] key() {
        requireValid();
        byte[] copy = key;
        if (copy == null) {
            copy = Arrays.copyOf(entry.keyBuffer(), keyLength());
            key = copy;
        }
        return copy;
    }

    @Override
    public boolean isRemoval() {
        requireValid();
        return removal;
    }

    @Override
    public byte[] value() {
        requireValid();
        if (removal) {
            throw new IllegalStateException("a REMOVE has no value");
        }
        int from = entry.valueOffset();
        return Arrays.copyOfRange(blocks.bytes, from, from + entry.valueLength());
    }

    /** Whether this row has the given key. */
    boolean isAt(byte[] target) {
        return compareTo(target) == 0;
    }

    private int compareTo(byte[] target) {
        return Arrays.compareUnsigned(entry.keyBuffer(), 0, keyLength(), target, 0, target.length);
    }

    private int keyLength() {
        return entry.keyLength() - RawBlocks.KEY_SUFFIX_BYTES;
    }

    private void enter(int newBlock, int offset) {
        block = newBlock;
        entry.reset(offset, blocks.entriesEnd(newBlock));
    }

    private void step() {
        key = null;
        valid = entry.next();
        if (!valid && block + 1 < blocks.count()) {
            enter(block + 1, blocks.start(block + 1));
            valid = entry.next();
        }
        if (valid) {
            removal = RawBlocks.isRemoval(entry);
        }
    }

    private int lastBlockAtOrBefore(byte[] target) {
        int low = 0;
        int high = blocks.count();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (blocks.compareRestart(blocks.start(middle), target) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    /** The block's first key must be at or before the target. */
    private int lastRestartAtOrBefore(int searched, byte[] target) {
        int low = 1;
        int high = blocks.restarts(searched);
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (blocks.compareRestart(blocks.restart(searched, middle), target) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return blocks.restart(searched, low - 1);
    }

    private void requireValid() {
        if (!valid) {
            throw new IllegalStateException("the cursor stands on no row");
        }
    }
}
