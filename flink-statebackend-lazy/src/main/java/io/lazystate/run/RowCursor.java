package io.lazystate.run;

import org.apache.flink.annotation.Internal;

/**
 * A forward cursor over sorted rows: of one page ({@link PageCursor}) or of a run ({@link
 * RunCursor}).
 *
 * <p>Shape: keys strictly increase as unsigned bytes. A new cursor stands nowhere: seek first.
 * Threads: one. Ownership: returned arrays never change afterwards and may be kept, not written to.
 * Errors: {@link #key}, {@link #isRemoval}, {@link #value} and {@link #next} throw
 * IllegalStateException unless {@link #valid}.
 */
@Internal
public interface RowCursor {

    /** Moves to the first row. */
    void seekToFirst();

    /** Moves to the first row whose key is at or after the given one, forwards or backwards. */
    void seek(byte[] key);

    /** Whether the cursor stands on a row. */
    boolean valid();

    /** Moves to the next row; past the last one the cursor is not valid. */
    void next();

    /** The key of this row; the same array until the cursor moves. */
    byte[] key();

    /** Whether this row is a REMOVE. */
    boolean isRemoval();

    /** A copy of the value of this row, which must not be a REMOVE. */
    byte[] value();
}
