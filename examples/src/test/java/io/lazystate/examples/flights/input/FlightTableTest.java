package io.lazystate.examples.flights.input;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class FlightTableTest {
    private static final long MINUTE_MILLIS = 60_000;

    @Test
    void flightsArriveInTheOrderOfDatePlusDelayThenOfRow() {
        FlightTable.Builder builder = new FlightTable.Builder(10);
        builder.add(100, 30, 1, "A", "B"); // arrives at 130
        builder.add(110, 20, 1, "A", "B"); // arrives at 130, later row
        builder.add(120, -5, 1, "A", "B"); // arrives at 115
        builder.add(125, 0, 1, "A", "B"); // arrives at 125
        FlightTable table = builder.build();

        assertThat(ids(table)).containsExactly(2, 3, 0, 1);
        assertThat(table.newestBefore(0)).isEqualTo(Long.MIN_VALUE);
        assertThat(table.newestBefore(1)).isEqualTo(120 * MINUTE_MILLIS);
        assertThat(table.newestBefore(2)).isEqualTo(125 * MINUTE_MILLIS);
        assertThat(table.newestBefore(3)).isEqualTo(125 * MINUTE_MILLIS);
    }

    @Test
    void datesBeforeTheEpochSortFirst() {
        FlightTable.Builder builder = new FlightTable.Builder(10);
        builder.add(5, 0, 1, "A", "B");
        builder.add(-5, 0, 1, "A", "B");
        assertThat(ids(builder.build())).containsExactly(1, 0);
    }

    @Test
    void theTableGrows() {
        int flights = 200_000;
        FlightTable.Builder builder = new FlightTable.Builder(Integer.MAX_VALUE);
        for (int row = 0; row < flights; row++) {
            builder.add(row, 0, row, "A" + row % 300, "B" + row % 7);
        }
        FlightTable table = builder.build();
        assertThat(table.size()).isEqualTo(flights);
        assertThat(table.flight(flights - 1).origin()).isEqualTo("A" + (flights - 1) % 300);
        assertThat(table.flight(flights - 1).destination()).isEqualTo("B" + (flights - 1) % 7);
    }

    @Test
    void theSampleHasLateFlightsAndIsReadOnce() throws IOException {
        FlightTable table = FlightFile.sample(20_000).load();
        assertThat(table.size()).isEqualTo(20_000);
        long late = 0;
        for (int position = 0; position < table.size(); position++) {
            if (table.flight(position).scheduled() < table.newestBefore(position)) {
                late++;
            }
        }
        assertThat(late).isPositive();
        assertThat(FlightFile.sample(20_000).load()).isSameAs(table);
    }

    private static int[] ids(FlightTable table) {
        int[] ids = new int[table.size()];
        for (int position = 0; position < ids.length; position++) {
            ids[position] = (int) table.flight(position).id();
        }
        return ids;
    }
}
