package io.lazystate.examples.flights.input;

import io.lazystate.examples.parquet.ParquetFile;
import io.lazystate.examples.parquet.RowGroup;
import java.io.IOException;
import java.nio.file.Path;

/** Reads flights from a Parquet file with a timestamp {@code date} and the other columns flat. */
final class ParquetFlights {
    private static final long MINUTE_MICROS = 60_000_000;

    private ParquetFlights() {}

    static void read(Path path, FlightTable.Builder table) throws IOException {
        try (ParquetFile file = ParquetFile.open(path)) {
            for (int group = 0; group < file.rowGroups() && table.wantsMore(); group++) {
                add(file.rowGroup(group), table);
            }
        }
    }

    private static void add(RowGroup group, FlightTable.Builder table) throws IOException {
        long[] date = group.timestampMicros("date");
        long[] delay = group.integers("delay");
        long[] distance = group.integers("distance");
        String[] origin = group.strings("origin");
        String[] destination = group.strings("destination");
        for (int row = 0; row < date.length; row++) {
            table.add(
                    Math.toIntExact(Math.floorDiv(date[row], MINUTE_MICROS)),
                    Math.toIntExact(delay[row]),
                    Math.toIntExact(distance[row]),
                    origin[row],
                    destination[row]);
        }
    }
}
