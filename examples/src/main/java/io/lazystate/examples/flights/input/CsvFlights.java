package io.lazystate.examples.flights.input;

import java.io.BufferedReader;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Reads flights from comma-separated lines with a header that names the columns {@code date, delay,
 * distance, origin, destination} in any order. Dates look like {@code 2001-01-31T23:59}; there is
 * no quoting.
 */
final class CsvFlights {
    private static final List<String> COLUMNS =
            List.of("date", "delay", "distance", "origin", "destination");

    private final String file;
    private final int[] places = new int[COLUMNS.size()];

    private CsvFlights(String file, String header) {
        this.file = file;
        List<String> names = List.of(header.toLowerCase(Locale.ROOT).split(",", -1));
        for (int column = 0; column < places.length; column++) {
            places[column] = names.indexOf(COLUMNS.get(column));
            if (places[column] < 0) {
                throw new IllegalArgumentException(
                        file
                                + " has no column '"
                                + COLUMNS.get(column)
                                + "'; its first line is '"
                                + header
                                + "' and must name "
                                + String.join(",", COLUMNS));
            }
        }
    }

    static void read(String file, BufferedReader lines, FlightTable.Builder table)
            throws IOException {
        String header = lines.readLine();
        CsvFlights flights = new CsvFlights(file, header == null ? "" : header.strip());
        int number = 1;
        for (String line = lines.readLine();
                line != null && table.wantsMore();
                line = lines.readLine()) {
            number++;
            if (!line.isBlank()) {
                flights.add(line, number, table);
            }
        }
    }

    private void add(String line, int number, FlightTable.Builder table) {
        String[] fields = line.split(",", -1);
        if (fields.length <= Arrays.stream(places).max().orElse(0)) {
            throw bad(number, line, "too few fields");
        }
        try {
            table.add(
                    minute(fields[places[0]]),
                    Integer.parseInt(fields[places[1]]),
                    Integer.parseInt(fields[places[2]]),
                    fields[places[3]],
                    fields[places[4]]);
        } catch (DateTimeException | NumberFormatException e) {
            throw bad(number, line, String.valueOf(e.getMessage()));
        }
    }

    private static int minute(String date) {
        long seconds = LocalDateTime.parse(date).toEpochSecond(ZoneOffset.UTC);
        return Math.toIntExact(Math.floorDiv(seconds, 60));
    }

    private IllegalArgumentException bad(int number, String line, String cause) {
        return new IllegalArgumentException(
                file
                        + " line "
                        + number
                        + " is no flight: '"
                        + line
                        + "' ("
                        + cause
                        + "); expected for example 2001-01-01T00:01,33,2176,LAS,PHL");
    }
}
