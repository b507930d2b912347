package io.lazystate.loading;

import io.lazystate.store.Backoff;
import io.lazystate.store.Sleeper;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;

/**
 * The clock of a {@link Hydrator}, how it waits, and what for.
 *
 * @param nanoTime usually {@code System::nanoTime}
 * @param sleeper usually {@code Thread::sleep}
 * @param backoff between fetches while the store is away
 * @param rate that the hydrators of a TaskManager share
 * @param pressure that hydration in the background gives way to
 */
@Internal
public record HydrationPace(
        LongSupplier nanoTime, Sleeper sleeper, Backoff backoff, ByteRate rate, Pressure pressure) {

    /** Between attempts at a store that is away: from a second to a minute. */
    private static final Backoff BACKOFF =
            new Backoff(1_000, 60_000, () -> ThreadLocalRandom.current().nextDouble());

    private static final ByteRate RATE_OF_PROCESS = new ByteRate(System::nanoTime);

    /** That of all hydrators of this process. */
    public static HydrationPace ofProcess(Sleeper sleeper, Pressure pressure) {
        return new HydrationPace(System::nanoTime, sleeper, BACKOFF, RATE_OF_PROCESS, pressure);
    }
}
