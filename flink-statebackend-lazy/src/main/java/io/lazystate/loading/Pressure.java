package io.lazystate.loading;

import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Whether something is short that the task needs more than hydration does.
 *
 * <p>Threads: any. Cost: microseconds; it is asked before each fetch, and while hydration waits.
 */
@Internal
@FunctionalInterface
public interface Pressure {
    /** Nothing is ever short. */
    Pressure NONE = () -> null;

    /** What is short now, in words for the log; null if nothing is. */
    @Nullable String reason();

    /** The first reason that one of the two has. */
    default Pressure or(Pressure other) {
        return () -> {
            String reason = reason();
            return reason == null ? other.reason() : reason;
        };
    }
}
