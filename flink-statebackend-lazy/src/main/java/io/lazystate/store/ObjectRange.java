package io.lazystate.store;

import io.lazystate.error.Where;
import org.apache.flink.annotation.Internal;

/**
 * Bytes of an object.
 *
 * @param offset of the first byte in the object
 * @param length in bytes
 */
@Internal
public record ObjectRange(StoredObject object, long offset, long length) {

    /** For errors. */
    public Where where() {
        return object.where(offset, length);
    }
}
