package io.lazystate.prefetch;

import java.io.Serializable;
import org.apache.flink.annotation.Internal;

/**
 * How far timers are followed ahead.
 *
 * @param enabled whether they are at all
 * @param lookaheadMillis behind the timer that fires next, in event time, or behind the clock
 * @param maxTimers of one queue that are followed at the same time, at least 1
 */
@Internal
public record PrefetchSettings(boolean enabled, long lookaheadMillis, int maxTimers)
        implements Serializable {
    private static final long serialVersionUID = 1L;
}
