package io.lazystate.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The events of a backend's start, as metrics. */
class RecoveryMetricsTest {
    private final Map<String, Gauge<?>> registered = new ConcurrentHashMap<>();
    private long nanos = 12_345;
    private final RecoveryMetrics metrics = new RecoveryMetrics(() -> nanos);

    @BeforeEach
    void register() {
        metrics.register(
                new UnregisteredMetricsGroup() {
                    @Override
                    public <T, G extends Gauge<T>> G gauge(String name, G gauge) {
                        registered.put(name, gauge);
                        return gauge;
                    }
                });
    }

    @Test
    void eventsThatHaveNotComeAreMinusOne() {
        assertThat(value("coldStartLatencyMs")).isEqualTo(-1);
        assertThat(value("timeToFirstRecordMs")).isEqualTo(-1);
        assertThat(value("timeToWarmMs")).isEqualTo(-1);
        assertThat(value("prewarmStatus")).isZero();
    }

    @Test
    void timesCountFromTheStart() {
        metrics.prewarm(PrewarmStatus.PENDING);
        pass(20);
        metrics.ready();
        pass(5);
        metrics.firstRecord();
        metrics.prewarm(PrewarmStatus.RUNNING);
        metrics.prewarmed(100);
        metrics.prewarmed(11);
        pass(1_000);
        metrics.prewarm(PrewarmStatus.COMPLETED);

        assertThat(value("coldStartLatencyMs")).isEqualTo(20);
        assertThat(value("timeToFirstRecordMs")).isEqualTo(25);
        assertThat(value("timeToWarmMs")).isEqualTo(1_025);
        assertThat(value("prewarmStatus")).isEqualTo(3);
        assertThat(value("prewarmExtents")).isEqualTo(2);
        assertThat(value("prewarmBytes")).isEqualTo(111);
        assertThat(value("prewarmFailedExtents")).isZero();
    }

    @Test
    void aBackendWithNothingToLoadIsWarmWhenItIsReady() {
        metrics.prewarm(PrewarmStatus.SKIPPED);
        pass(7);
        metrics.ready();

        assertThat(value("timeToWarmMs")).isEqualTo(7);
        assertThat(value("prewarmStatus")).isEqualTo(5);
    }

    @Test
    void whatFailsIsNeverWarm() {
        metrics.prewarm(PrewarmStatus.PENDING);
        metrics.prewarm(PrewarmStatus.RUNNING);
        metrics.prewarmFailed();
        metrics.prewarm(PrewarmStatus.FAILED);

        assertThat(value("timeToWarmMs")).isEqualTo(-1);
        assertThat(value("prewarmStatus")).isEqualTo(4);
        assertThat(value("prewarmFailedExtents")).isEqualTo(1);
    }

    @Test
    void onlyWhatCanFollowFollows() {
        List<String> ways = new ArrayList<>();
        for (PrewarmStatus from : PrewarmStatus.values()) {
            for (PrewarmStatus to : PrewarmStatus.values()) {
                if (to.mayFollow(from)) {
                    ways.add(from + " " + to);
                }
            }
        }
        assertThat(ways)
                .containsExactly(
                        "OFF PENDING",
                        "OFF SKIPPED",
                        "PENDING RUNNING",
                        "PENDING FAILED",
                        "RUNNING COMPLETED",
                        "RUNNING FAILED");
        assertThat(metrics.prewarm(PrewarmStatus.COMPLETED)).isFalse();
        assertThat(metrics.status()).isEqualTo(PrewarmStatus.OFF);
    }

    private void pass(long millis) {
        nanos += TimeUnit.MILLISECONDS.toNanos(millis);
    }

    private long value(String name) {
        return (Long) registered.get(name).getValue();
    }
}
