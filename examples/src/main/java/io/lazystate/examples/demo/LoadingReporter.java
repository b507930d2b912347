package io.lazystate.examples.demo;

import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricConfig;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.reporter.MetricReporter;

/**
 * Keeps hold of the lazy backend's loading metrics, so that the demo can read them in its own JVM.
 *
 * <p>Shape: one metric per name and operator; tasks that end take theirs away. Threads: any.
 */
public final class LoadingReporter implements MetricReporter {
    private static final String PAGES_LOADED = "pagesLoaded";
    private static final String PAGES_TOTAL = "pagesTotal";
    private static final String RESIDENT_FRACTION = "residentFraction";
    private static final Set<String> NAMES = Set.of(PAGES_LOADED, PAGES_TOTAL, RESIDENT_FRACTION);

    private static final Map<Metric, String> METRICS = new ConcurrentHashMap<>();

    /** Pages that came from the store, over all operators; empty if nobody reports it. */
    static OptionalLong pagesLoaded() {
        return sum(PAGES_LOADED);
    }

    /** Pages there are, over all operators; empty if nobody reports it. */
    static OptionalLong pagesTotal() {
        return sum(PAGES_TOTAL);
    }

    /** The share of the state that is local, of the operator with the least; empty if unknown. */
    static OptionalDouble residentFraction() {
        return METRICS.entrySet().stream()
                .filter(metric -> metric.getValue().equals(RESIDENT_FRACTION))
                .mapToDouble(metric -> value(metric.getKey()))
                .min();
    }

    private static OptionalLong sum(String name) {
        double[] values =
                METRICS.entrySet().stream()
                        .filter(metric -> metric.getValue().equals(name))
                        .mapToDouble(metric -> value(metric.getKey()))
                        .toArray();
        if (values.length == 0) {
            return OptionalLong.empty();
        }
        double sum = 0;
        for (double each : values) {
            sum += each;
        }
        return OptionalLong.of((long) sum);
    }

    private static double value(Metric metric) {
        if (metric instanceof Counter counter) {
            return counter.getCount();
        }
        if (metric instanceof Gauge<?> gauge && gauge.getValue() instanceof Number number) {
            return number.doubleValue();
        }
        return 0;
    }

    @Override
    public void notifyOfAddedMetric(Metric metric, String name, MetricGroup group) {
        if (NAMES.contains(name)) {
            METRICS.put(metric, name);
        }
    }

    @Override
    public void notifyOfRemovedMetric(Metric metric, String name, MetricGroup group) {
        METRICS.remove(metric);
    }

    @Override
    public void open(MetricConfig config) {}

    @Override
    public void close() {}
}
