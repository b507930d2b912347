package io.lazystate.snapshot;

import io.lazystate.paging.ChangedKeys;
import io.lazystate.paging.StateView;
import io.lazystate.run.RowCursor;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The keys of a state that changed, with their values as captured; a removed key is a REMOVE.
 *
 * <p>Threads: one. Goes forward only: a seek backwards stays where it is. Cost: one local read for
 * each row that is asked for more than its key.
 */
final class ChangesCursor implements RowCursor {
    private final ChangedKeys keys;
    private final StateView state;
    private boolean valid;
    private boolean read;
    private byte @Nullable [] value;

    /**
     * @param keys before their first; stay the caller's
     */
    ChangesCursor(ChangedKeys keys, StateView state) {
        this.keys = keys;
        this.state = state;
        next();
    }

    @Override
    public void seekToFirst() {}

    @Override
    public void seek(byte[] key) {
        while (valid && Arrays.compareUnsigned(keys.key(), key) < 0) {
            next();
        }
    }

    @Override
    public boolean valid() {
        return valid;
    }

    @Override
    public void next() {
        valid = keys.advance();
        read = false;
    }

    @Override
    public byte[] key() {
        return keys.key();
    }

    @Override
    public boolean isRemoval() {
        return current() == null;
    }

    @Override
    public byte[] value() {
        return Objects.requireNonNull(current(), "a removal has no value");
    }

    private byte @Nullable [] current() {
        if (!read) {
            value = state.changedValue(keys.key());
            read = true;
        }
        return value;
    }
}
