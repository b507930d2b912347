package io.lazystate.examples.store;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * One emulated store of this JVM: its profile and what was read from it.
 *
 * <p>Threads: any. Ownership: kept by name until the JVM ends, since Flink's file systems are too.
 */
public final class EmulatedStore {
    private static final Map<String, EmulatedStore> STORES = new ConcurrentHashMap<>();

    private final LongAdder requests = new LongAdder();
    private final LongAdder bytesRead = new LongAdder();
    private volatile StoreProfile profile = StoreProfile.LOCAL;

    private EmulatedStore() {}

    /**
     * The store of a name, i.e. of the authority of its URIs; local speed until a profile is set.
     */
    public static EmulatedStore named(String name) {
        return STORES.computeIfAbsent(name, key -> new EmulatedStore());
    }

    /** The behaviour of requests from now on. */
    public StoreProfile profile() {
        return profile;
    }

    /** Sets the behaviour of requests from now on. */
    public void setProfile(StoreProfile newProfile) {
        profile = newProfile;
    }

    /** Reads that paid the latency. */
    public long requests() {
        return requests.sum();
    }

    /** Bytes that flowed out, with those that a short step forward skipped. */
    public long bytesRead() {
        return bytesRead.sum();
    }

    void countRequest() {
        requests.increment();
    }

    void countBytes(long bytes) {
        bytesRead.add(bytes);
    }
}
