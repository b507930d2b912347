package io.lazystate.error;

import java.io.Serializable;
import java.util.StringJoiner;
import org.apache.flink.annotation.PublicEvolving;
import org.jspecify.annotations.Nullable;

/**
 * The place an error happened at, as far as it is known.
 *
 * <p>Never throws: it is built while another error is being reported, so a bad number becomes
 * {@link #UNKNOWN} instead of hiding that error.
 *
 * @param state name of the state, or null if unknown
 * @param keyGroup key group, or {@link #UNKNOWN}
 * @param object path of the file or object in the store, or null if unknown
 * @param offset first byte of the range in the object, or {@link #UNKNOWN}
 * @param length bytes in the range, or {@link #UNKNOWN}; without an offset there is no length
 */
@PublicEvolving
public record Where(
        @Nullable String state, int keyGroup, @Nullable String object, long offset, long length)
        implements Serializable {

    /** Stands for a number that is not known. */
    public static final int UNKNOWN = -1;

    /** Nothing is known about the place, or the error has none. */
    public static final Where NOWHERE = new Where(null, UNKNOWN, null, UNKNOWN, UNKNOWN);

    private static final long serialVersionUID = 1L;

    public Where {
        keyGroup = Math.max(keyGroup, UNKNOWN);
        offset = Math.max(offset, UNKNOWN);
        length = offset == UNKNOWN ? UNKNOWN : Math.max(length, UNKNOWN);
    }

    /** Somewhere in a file or object of the store. */
    public static Where object(String object) {
        return NOWHERE.withObject(object);
    }

    /** Somewhere in a state. */
    public static Where state(String state) {
        return NOWHERE.withState(state);
    }

    public Where withState(String newState) {
        return new Where(newState, keyGroup, object, offset, length);
    }

    public Where withKeyGroup(int newKeyGroup) {
        return new Where(state, newKeyGroup, object, offset, length);
    }

    public Where withObject(String newObject) {
        return new Where(state, keyGroup, newObject, offset, length);
    }

    /** Narrows the place to {@code newLength} bytes from {@code newOffset} on. */
    public Where withRange(long newOffset, long newLength) {
        return new Where(state, keyGroup, object, newOffset, newLength);
    }

    /**
     * The known parts in words, such as {@code state 'orders', key group 17, object
     * s3://b/shared/41 [4096, 8192)}; empty for {@link #NOWHERE}.
     */
    @Override
    public String toString() {
        StringJoiner parts = new StringJoiner(", ");
        if (state != null) {
            parts.add("state '" + state + "'");
        }
        if (keyGroup != UNKNOWN) {
            parts.add("key group " + keyGroup);
        }
        String range = "[" + offset + ", " + (length == UNKNOWN ? "?" : offset + length) + ")";
        if (object != null) {
            parts.add("object " + object + (offset == UNKNOWN ? "" : " " + range));
        } else if (offset != UNKNOWN) {
            parts.add("bytes " + range);
        }
        return parts.toString();
    }
}
