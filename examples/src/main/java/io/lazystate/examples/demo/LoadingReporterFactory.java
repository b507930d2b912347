package io.lazystate.examples.demo;

import java.util.Properties;
import org.apache.flink.metrics.reporter.MetricReporter;
import org.apache.flink.metrics.reporter.MetricReporterFactory;

/** Makes Flink's metrics system start a {@link LoadingReporter}; found by {@code ServiceLoader}. */
public final class LoadingReporterFactory implements MetricReporterFactory {
    @Override
    public MetricReporter createMetricReporter(Properties properties) {
        return new LoadingReporter();
    }
}
