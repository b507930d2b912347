package io.lazystate.store;

import java.io.Serializable;
import java.time.Duration;
import org.apache.flink.annotation.Internal;

/**
 * The bounds of one TaskManager's own connections to S3.
 *
 * @param enabled whether there are any; else Flink's file systems read
 * @param connections open at the same time, at least 1; downloads leave a quarter to other reads
 * @param partsAtOnce of one downloaded file, at least 1; fewer if many files are under way
 * @param acquireTimeout how long a request waits for a free connection
 * @param attemptTimeout until the first byte, and what an attempt may take in all, besides a second
 *     for each 256 KB that it asks for
 * @param hedgeDelay after which an unanswered read is sent a second time; zero for never
 * @param hedgeShare of all reads that are sent a second time, at most; 0 to 1
 */
@Internal
public record S3Limits(
        boolean enabled,
        int connections,
        int partsAtOnce,
        Duration acquireTimeout,
        Duration attemptTimeout,
        Duration hedgeDelay,
        double hedgeShare)
        implements Serializable {

    private static final long serialVersionUID = 1L;

    /** A connection that is slower is as good as none. */
    private static final long SLOWEST_BYTES_PER_MILLI = 256;

    /** How long an attempt that asks for so many bytes may take. */
    long attemptMillis(long bytes) {
        return attemptTimeout.toMillis() + bytes / SLOWEST_BYTES_PER_MILLI;
    }

    /** How many of the connections downloads may have. */
    int downloadConnections() {
        return Math.max(1, connections - Math.max(1, connections / 4));
    }
}
