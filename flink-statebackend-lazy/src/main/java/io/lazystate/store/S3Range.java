package io.lazystate.store;

import io.lazystate.error.Where;

/**
 * Bytes of a key that one GET asks for.
 *
 * @param from first byte in the key
 * @param length at least 1
 * @param where for errors, as the caller sees it
 */
record S3Range(S3Location location, long from, long length, Where where) {

    static S3Range of(S3Location location, Where where) {
        return new S3Range(location, location.start() + where.offset(), where.length(), where);
    }

    /** What is left of the range behind its first bytes. */
    S3Range after(long bytes) {
        return new S3Range(location, from + bytes, length - bytes, where);
    }

    S3Range part(long start, long bytes) {
        return new S3Range(location, from + start, bytes, where);
    }

    /** As the Range header has it. */
    String header() {
        return "bytes=" + from + "-" + (from + length - 1);
    }
}
