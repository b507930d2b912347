package io.lazystate.examples.flights.input;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Serializable;
import java.lang.ref.SoftReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.GZIPInputStream;

/**
 * Names a file of flights: {@code .csv}, {@code .csv.gz} or {@code .parquet}, or the sample on the
 * class path.
 *
 * <p>Cost: a file is read and sorted once per JVM and kept while memory allows, so that a restarted
 * source is at work at once.
 *
 * @param path of the file; empty: the sample
 * @param limit flights beyond it are ignored
 */
public record FlightFile(String path, int limit) implements Serializable {
    private static final String SAMPLE = "/io/lazystate/examples/flights/flights-sample.csv.gz";
    private static final Map<FlightFile, SoftReference<FlightTable>> LOADED =
            new ConcurrentHashMap<>();

    /** The sample in this repository, at most so many flights of it. */
    public static FlightFile sample(int limit) {
        return new FlightFile("", limit);
    }

    /**
     * Reads the flights, or returns those read before.
     *
     * @throws IllegalArgumentException if the content is not understood; names file, place and what
     *     is expected
     */
    public FlightTable load() throws IOException {
        synchronized (LOADED) {
            SoftReference<FlightTable> known = LOADED.get(this);
            FlightTable table = known == null ? null : known.get();
            if (table == null) {
                table = read();
                LOADED.put(this, new SoftReference<>(table));
            }
            return table;
        }
    }

    private FlightTable read() throws IOException {
        FlightTable.Builder table = new FlightTable.Builder(limit);
        if (path.isEmpty()) {
            InputStream sample = FlightFile.class.getResourceAsStream(SAMPLE);
            if (sample == null) {
                throw new IOException("The sample " + SAMPLE + " is not on the class path");
            }
            readCsv(SAMPLE, new GZIPInputStream(sample), table);
        } else if (path.endsWith(".parquet")) {
            ParquetFlights.read(Path.of(path), table);
        } else if (path.endsWith(".csv.gz")) {
            readCsv(path, new GZIPInputStream(Files.newInputStream(Path.of(path))), table);
        } else if (path.endsWith(".csv")) {
            readCsv(path, Files.newInputStream(Path.of(path)), table);
        } else {
            throw new IllegalArgumentException(
                    path + " is of no known kind; its name must end in .csv, .csv.gz or .parquet");
        }
        return table.build();
    }

    private static void readCsv(String name, InputStream bytes, FlightTable.Builder table)
            throws IOException {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8))) {
            CsvFlights.read(name, lines, table);
        }
    }
}
