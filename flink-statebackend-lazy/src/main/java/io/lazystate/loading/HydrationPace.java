package io.lazystate.loading;

import io.lazystate.store.Backoff;
import io.lazystate.store.Sleeper;
import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;

/**
 * The clock of a {@link Hydrator}, and how it waits.
 *
 * @param nanoTime usually {@code System::nanoTime}
 * @param sleeper usually {@code Thread::sleep}
 * @param backoff between fetches while the store is away
 * @param rate that the hydrators of a TaskManager share
 */
@Internal
public record HydrationPace(
        LongSupplier nanoTime, Sleeper sleeper, Backoff backoff, ByteRate rate) {}
