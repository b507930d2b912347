package io.lazystate.store;

import java.util.function.DoubleSupplier;
import org.apache.flink.annotation.Internal;

/**
 * How long to wait before a request is tried again: exponential, with jitter, bounded.
 *
 * <p>After the n-th failure the wait is drawn evenly from the upper half of {@code min(maxMillis,
 * baseMillis * 2^(n-1))}: never nearly nothing, and a thousand readers that failed together do not
 * come back together. Threads: any, if {@code random} is.
 *
 * @param baseMillis the longest wait after the first failure
 * @param maxMillis the longest wait after any failure
 * @param random draws from [0, 1), for instance {@code ThreadLocalRandom.current()::nextDouble}
 *     behind a lambda
 */
@Internal
public record Backoff(long baseMillis, long maxMillis, DoubleSupplier random) {

    public Backoff {
        if (baseMillis < 0 || maxMillis < baseMillis) {
            throw new IllegalArgumentException(
                    "need 0 <= baseMillis <= maxMillis: " + baseMillis + ", " + maxMillis);
        }
    }

    /** The wait after the given number of failures, at least 1, in milliseconds. */
    public long delayMillis(int failures) {
        // 2^20 times anything above zero is past every sensible bound, and cannot overflow before.
        int doublings = Math.min(failures - 1, 20);
        long ceiling = Math.min(maxMillis, baseMillis << doublings);
        long floor = ceiling / 2;
        return floor + (long) (random.getAsDouble() * (ceiling - floor + 1));
    }
}
