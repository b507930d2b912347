package io.lazystate.loading;

import io.lazystate.store.Backoff;
import io.lazystate.store.Sleeper;
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
        LongSupplier nanoTime,
        Sleeper sleeper,
        Backoff backoff,
        ByteRate rate,
        Pressure pressure) {}
