package io.lazystate.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class ReportTest {
    private static final OptionalLong UNKNOWN = OptionalLong.empty();

    @Test
    void showsBothBackendsSideBySide() throws Exception {
        Map<Backend, Recovery> recoveries = new EnumMap<>(Backend.class);
        recoveries.put(
                Backend.ROCKSDB,
                new Recovery(
                        200_000_000,
                        List.of(),
                        1_930,
                        OptionalLong.of(2_000),
                        OptionalLong.of(1_930),
                        loaded(UNKNOWN, UNKNOWN, 199_000_000),
                        200_100_000));
        recoveries.put(
                Backend.LAZY,
                new Recovery(
                        180_000_000,
                        List.of(),
                        410,
                        OptionalLong.of(500),
                        UNKNOWN,
                        loaded(OptionalLong.of(37), OptionalLong.of(812), 9_200_000),
                        180_000_000));
        Report report = new Report(recoveries);

        assertThat(report.table())
                .containsPattern("rocksdb +lazy")
                .containsPattern("time to running +1.93 s +0.41 s")
                .containsPattern("pages loaded by then +n/a +37 of 812")
                .containsPattern("bytes read by then +199.0 MB +9.2 MB")
                .containsPattern("time to full residency +1.93 s +n/a")
                .containsPattern("results equal +yes +yes");
        JsonNode json = new ObjectMapper().readTree(report.json());
        assertThat(json.get("state_bytes").asLong()).isEqualTo(200_000_000);
        assertThat(json.get("results_equal").asBoolean()).isTrue();
        assertThat(json.get("lazy").get("pages_loaded_at_first_result").asLong()).isEqualTo(37);
        assertThat(json.get("lazy").get("time_to_resident_ms").isNull()).isTrue();
        assertThat(json.get("rocksdb").get("pages_total").isNull()).isTrue();
    }

    @Test
    void aDifferenceOfOneBackendMakesTheWholeUnequal() throws Exception {
        Map<Backend, Recovery> recoveries = new EnumMap<>(Backend.class);
        recoveries.put(
                Backend.LAZY,
                new Recovery(
                        1,
                        List.of("window: 1 row"),
                        2,
                        UNKNOWN,
                        UNKNOWN,
                        Recovery.Loaded.NEVER,
                        3));
        Report report = new Report(recoveries);
        assertThat(report.resultsEqual()).isFalse();
        assertThat(report.table()).containsPattern("results equal +NO");
        JsonNode json = new ObjectMapper().readTree(report.json());
        assertThat(json.get("results_equal").asBoolean()).isFalse();
        assertThat(json.get("rocksdb").isNull()).isTrue();
        assertThat(json.get("lazy").get("time_to_first_result_ms").isNull()).isTrue();
    }

    private static Recovery.Loaded loaded(OptionalLong pages, OptionalLong total, long bytes) {
        return new Recovery.Loaded(OptionalLong.of(1), pages, total, OptionalLong.of(bytes));
    }
}
