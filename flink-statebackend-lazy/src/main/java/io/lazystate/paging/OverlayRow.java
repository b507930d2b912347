package io.lazystate.paging;

import io.lazystate.run.Lookup;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of an overlay row.
 *
 * <p>Shape: key = state id (4 bytes, big endian), row key; value = tag (0 REMOVE, 1 PUT), then the
 * value. Removals are tagged puts, since a compaction drops RocksDB's own at the bottom level.
 */
final class OverlayRow {
    /** Bytes before the row key. */
    static final int PREFIX_BYTES = 4;

    private static final byte REMOVE = 0;
    private static final byte PUT = 1;

    /** The value of a removal. */
    static final byte[] REMOVED = {REMOVE};

    private OverlayRow() {}

    static byte[] key(PagedState state, byte[] key) {
        byte[] overlayKey = new byte[PREFIX_BYTES + key.length];
        writePrefix(overlayKey, state.id());
        System.arraycopy(key, 0, overlayKey, PREFIX_BYTES, key.length);
        return overlayKey;
    }

    /** The row key; null if the row is another state's. */
    static byte @Nullable [] keyOf(PagedState state, byte[] overlayKey) {
        int id = 0;
        for (int i = 0; i < PREFIX_BYTES; i++) {
            id = (id << 8) | (overlayKey[i] & 0xff);
        }
        return id == state.id()
                ? Arrays.copyOfRange(overlayKey, PREFIX_BYTES, overlayKey.length)
                : null;
    }

    static Lookup row(byte[] tagged) {
        return tagged[0] == REMOVE
                ? Lookup.REMOVED
                : new Lookup(Arrays.copyOfRange(tagged, 1, tagged.length));
    }

    static byte[] tagged(byte[] value) {
        byte[] tagged = new byte[1 + value.length];
        tagged[0] = PUT;
        System.arraycopy(value, 0, tagged, 1, value.length);
        return tagged;
    }

    /** What is before all keys of a state, and behind those of the state before it. */
    static byte[] prefix(int stateId) {
        byte[] prefix = new byte[PREFIX_BYTES];
        writePrefix(prefix, stateId);
        return prefix;
    }

    private static void writePrefix(byte[] target, int stateId) {
        for (int i = 0; i < PREFIX_BYTES; i++) {
            target[i] = (byte) (stateId >>> (8 * (PREFIX_BYTES - 1 - i)));
        }
    }
}
