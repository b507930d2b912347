package io.lazystate.examples.flights.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.examples.flights.Flight;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import org.junit.jupiter.api.Test;

class CsvFlightsTest {
    private static final String HEADER = "date,delay,distance,origin,destination\n";

    @Test
    void readsAFlight() throws IOException {
        FlightTable table = read(HEADER + "2001-01-01T00:01,33,2176,LAS,PHL\n", 10);
        assertThat(table.size()).isEqualTo(1);
        assertThat(table.flight(0))
                .isEqualTo(new Flight(0, 978_307_260_000L, 33, 2176, "LAS", "PHL"));
    }

    @Test
    void takesColumnsInAnyOrder() throws IOException {
        FlightTable table =
                read(
                        "destination,origin,extra,Distance,delay,date\nPHL,LAS,x,2176,-3,2001-01-01T00:01:30\n",
                        10);
        assertThat(table.flight(0))
                .isEqualTo(new Flight(0, 978_307_260_000L, -3, 2176, "LAS", "PHL"));
    }

    @Test
    void stopsAtTheLimitAndSkipsBlankLines() throws IOException {
        String line = "2001-01-01T00:01,0,10,LAS,PHL\n";
        assertThat(read(HEADER + line + "\n" + line + line, 2).size()).isEqualTo(2);
    }

    @Test
    void namesTheMissingColumn() {
        assertThatThrownBy(() -> read("date,delay,distance,origin\n", 10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("test.csv")
                .hasMessageContaining("'destination'");
    }

    @Test
    void namesTheBadLine() {
        for (String bad :
                new String[] {
                    "2001-01-01T00:01,late,2176,LAS,PHL",
                    "yesterday,1,2176,LAS,PHL",
                    "2001-01-01T00:01,1,2176,LAS"
                }) {
            assertThatThrownBy(() -> read(HEADER + bad + "\n", 10))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("test.csv line 2")
                    .hasMessageContaining(bad)
                    .hasMessageContaining("expected for example");
        }
    }

    @Test
    void refusesAnEmptyFile() {
        assertThatThrownBy(() -> read("", 10)).hasMessageContaining("no column 'date'");
    }

    private static FlightTable read(String text, int limit) throws IOException {
        FlightTable.Builder table = new FlightTable.Builder(limit);
        CsvFlights.read("test.csv", new BufferedReader(new StringReader(text)), table);
        return table.build();
    }
}
