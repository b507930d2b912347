package io.lazystate.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole demo on a tiny state: builds, fails, restores, compares, reports. */
class DemoIT {
    private static final List<String> FIGURES =
            List.of(
                    "time_to_running_ms",
                    "time_to_first_result_ms",
                    "time_to_resident_ms",
                    "pages_loaded_at_first_result",
                    "pages_total",
                    "bytes_read_at_first_result",
                    "bytes_read");

    @TempDir private Path folder;

    @Test
    void bothBackendsRecoverWithEqualResults() throws Exception {
        Path json = folder.resolve("figures.json");
        Path work = folder.resolve("work");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream both = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        int status =
                Demo.run(
                        both,
                        both,
                        "--backends=rocksdb,lazy",
                        "--flights=6000",
                        "--state-mb=4",
                        "--latency-ms=1",
                        "--mb-per-s=0",
                        "--rate=0",
                        "--warm-up=false",
                        "--work-dir=" + work,
                        "--json=" + json);

        String text = bytes.toString(StandardCharsets.UTF_8);
        assertThat(status).as(text).isZero();
        assertThat(text)
                .contains("TaskManager lost", "time to running", "results equal")
                .containsPattern("results equal +yes");

        JsonNode figures = new ObjectMapper().readTree(Files.readString(json));
        assertThat(figures.get("results_equal").asBoolean()).isTrue();
        assertThat(figures.get("state_bytes").asLong()).isBetween(2_000_000L, 8_000_000L);
        JsonNode lazy = figures.get("lazy");
        assertThat(lazy.fieldNames()).toIterable().containsExactlyElementsOf(FIGURES);
        assertThat(lazy.get("pages_total").asLong()).isPositive();
        assertThat(lazy.get("time_to_resident_ms").isNumber()).as("hydration ends").isTrue();
        JsonNode rocksDb = figures.get("rocksdb");
        assertThat(rocksDb.fieldNames()).toIterable().containsExactlyElementsOf(FIGURES);
        assertThat(rocksDb.get("pages_total").isNull()).isTrue();
        assertThat(rocksDb.get("time_to_first_result_ms").asLong()).isPositive();
        assertThat(rocksDb.get("bytes_read").asLong())
                .as("RocksDB downloads all of its state")
                .isGreaterThan(figures.get("state_bytes").asLong() / 2);

        try (Stream<Path> left = Files.list(work)) {
            assertThat(left).isEmpty();
        }
    }
}
