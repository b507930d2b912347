package io.lazystate.store;

import org.apache.flink.annotation.Internal;

/**
 * Makes something of bytes that were read, if they are what was written.
 *
 * @param <T> what it makes of them
 */
@FunctionalInterface
@Internal
public interface Check<T> {

    /**
     * Verifies and decodes. May be called again, with bytes that were fetched anew.
     *
     * @param bytes neither side changes them from now on
     * @throws io.lazystate.error.LazyStateException CORRUPT if they are not what was written
     */
    T of(byte[] bytes);
}
