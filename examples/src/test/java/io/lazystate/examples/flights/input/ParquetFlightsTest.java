package io.lazystate.examples.flights.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParquetFlightsTest {
    @TempDir private Path folder;

    @ParameterizedTest
    @CsvSource({"flights-1000.parquet, 1000", "flights-50-plain.parquet, 50"})
    void readsTheSameFlightsAsTheSample(String name, int rows) throws Exception {
        FlightTable parquet = read(name);
        FlightTable csv = FlightFile.sample(rows).load();
        assertThat(parquet.size()).isEqualTo(rows).isEqualTo(csv.size());
        for (int position = 0; position < rows; position++) {
            assertThat(parquet.flight(position)).isEqualTo(csv.flight(position));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "flights-nulls.parquet, 'delay', has nulls",
        "flights-snappy.parquet, 'date', has compression codec 1"
    })
    void refusesWhatItDoesNotKnow(String name, String column, String cause) {
        assertThatThrownBy(() -> read(name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(column)
                .hasMessageContaining(cause);
    }

    @Test
    void refusesAnotherKindOfFile() throws IOException {
        Path file = Files.writeString(folder.resolve("x.parquet"), "no Parquet at all");
        assertThatThrownBy(() -> new FlightFile(file.toString(), 1).load())
                .hasMessageContaining("x.parquet is no Parquet file");
        assertThatThrownBy(() -> new FlightFile("flights.xlsx", 1).load())
                .hasMessageContaining("must end in .csv, .csv.gz or .parquet");
    }

    private static FlightTable read(String name) throws IOException, URISyntaxException {
        URL resource = Objects.requireNonNull(ParquetFlightsTest.class.getResource(name));
        return new FlightFile(Path.of(resource.toURI()).toString(), Integer.MAX_VALUE).load();
    }
}
