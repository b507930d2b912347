package io.lazystate.examples.store;

/**
 * How an emulated store behaves.
 *
 * @param firstByteMillis from a request to its first byte
 * @param bytesPerSecond of one connection; 0: no bound
 */
public record StoreProfile(long firstByteMillis, long bytesPerSecond) {

    /** As fast as the local disk. */
    public static final StoreProfile LOCAL = new StoreProfile(0, 0);

    /** Refuses negative numbers. */
    public StoreProfile {
        if (firstByteMillis < 0 || bytesPerSecond < 0) {
            throw new IllegalArgumentException(
                    "An emulated store needs a latency and a speed of at least 0, not "
                            + firstByteMillis
                            + " ms and "
                            + bytesPerSecond
                            + " bytes a second");
        }
    }
}
