package io.lazystate.paging;

import io.lazystate.run.Lookup;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksIterator;

/** The overlay rows of one state. */
final class OverlayCursor extends NativeCursor {
    private final PagedState state;
    private @Nullable Lookup row;

    OverlayCursor(PagedState state, RocksIterator rows) {
        super(rows);
        this.state = state;
    }

    @Override
    byte @Nullable [] rowKey(byte[] databaseKey) {
        row = null;
        return OverlayRow.keyOf(state, databaseKey);
    }

    @Override
    public void seek(byte[] target) {
        seekDatabase(OverlayRow.key(state, target));
    }

    @Override
    public boolean isRemoval() {
        return row().isRemoval();
    }

    @Override
    public byte[] value() {
        return Objects.requireNonNull(row().value(), "a removal has no value");
    }

    private Lookup row() {
        Lookup current = row;
        if (current == null) {
            current = OverlayRow.row(databaseValue());
            row = current;
        }
        return current;
    }
}
