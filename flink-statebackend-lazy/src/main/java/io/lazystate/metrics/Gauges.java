package io.lazystate.metrics;

import java.util.function.LongSupplier;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;

/** How numbers that somebody counts become metrics of Flink. */
@Internal
public final class Gauges {
    private Gauges() {}

    /**
     * Registers a number.
     *
     * @param value asked in any thread
     */
    public static void gauge(MetricGroup group, String name, LongSupplier value) {
        group.gauge(name, (Gauge<Long>) value::getAsLong);
    }
}
