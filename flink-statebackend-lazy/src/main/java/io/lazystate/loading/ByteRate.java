package io.lazystate.loading;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;

/**
 * Spreads fetches over time, so that they stay below a number of bytes a second.
 *
 * <p>What is fetched comes at full speed; the next fetch starts when the bytes of those before it
 * are due. Threads: any; several callers share the rate.
 */
@Internal
public final class ByteRate {
    private static final double NANOS_A_SECOND = TimeUnit.SECONDS.toNanos(1);

    private final LongSupplier nanoTime;
    private boolean begun;
    private long due;

    /**
     * @param nanoTime usually {@code System::nanoTime}
     */
    public ByteRate(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /**
     * Takes bytes if it is their time.
     *
     * @param bytesPerSecond the caller's limit; 0 for none
     * @return 0 if they may be fetched now; else the nanoseconds to wait before asking again
     */
    synchronized long take(long bytes, long bytesPerSecond) {
        if (bytesPerSecond == 0) {
            return 0;
        }
        long now = nanoTime.getAsLong();
        if (begun && due - now > 0) {
            return due - now;
        }
        begun = true;
        due = now + (long) (NANOS_A_SECOND * bytes / bytesPerSecond);
        return 0;
    }
}
