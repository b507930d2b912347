package io.lazystate.examples.flights;

import org.apache.flink.api.common.functions.AggregateFunction;

/** Folds the flights of a window into {@link DelayStats}. */
final class DelayAggregate implements AggregateFunction<Flight, DelayStats, DelayStats> {
    private static final long serialVersionUID = 1;

    @Override
    public DelayStats createAccumulator() {
        return DelayStats.EMPTY;
    }

    @Override
    public DelayStats add(Flight flight, DelayStats stats) {
        return stats.plus(flight);
    }

    @Override
    public DelayStats getResult(DelayStats stats) {
        return stats;
    }

    @Override
    public DelayStats merge(DelayStats a, DelayStats b) {
        return a.plus(b);
    }
}
