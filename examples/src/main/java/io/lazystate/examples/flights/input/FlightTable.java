package io.lazystate.examples.flights.input;

import io.lazystate.examples.flights.Flight;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Flights in the order in which they arrive: by scheduled departure plus delay, ties by row.
 *
 * <p>Shape: parallel arrays, about 26 bytes a flight. Threads: any, it is immutable. The file is in
 * order of departure, so a delayed flight arrives behind flights that were scheduled after it.
 */
public final class FlightTable {
    private static final long MINUTE_MILLIS = Duration.ofMinutes(1).toMillis();

    private final Columns columns;
    private final int[] rowAt;
    private final int[] newestBefore;

    private FlightTable(Columns columns) {
        this.columns = columns;
        this.rowAt = arrivalOrder(columns);
        this.newestBefore = new int[rowAt.length];
        int newest = Integer.MIN_VALUE;
        for (int position = 0; position < rowAt.length; position++) {
            newestBefore[position] = newest;
            newest = Math.max(newest, columns.minute[rowAt[position]]);
        }
    }

    /** How many flights there are. */
    public int size() {
        return rowAt.length;
    }

    /** The flight that arrives at a position, from 0. */
    public Flight flight(int position) {
        int row = rowAt[position];
        return new Flight(
                row,
                columns.minute[row] * MINUTE_MILLIS,
                columns.delay[row],
                columns.distance[row],
                columns.airports[columns.origin[row]],
                columns.airports[columns.destination[row]]);
    }

    /**
     * The latest scheduled departure among the flights that arrived before a position, in
     * milliseconds since the epoch; {@link Long#MIN_VALUE} if there is none. A watermark made of it
     * is a function of the position, so it is the same after a recovery.
     */
    public long newestBefore(int position) {
        int minute = newestBefore[position];
        return minute == Integer.MIN_VALUE ? Long.MIN_VALUE : minute * MINUTE_MILLIS;
    }

    private static int[] arrivalOrder(Columns columns) {
        long[] order = new long[columns.size];
        for (int row = 0; row < order.length; row++) {
            long arrival = (long) columns.minute[row] + columns.delay[row];
            order[row] = arrival << Integer.SIZE | row;
        }
        Arrays.sort(order);
        int[] rows = new int[order.length];
        for (int position = 0; position < rows.length; position++) {
            rows[position] = (int) order[position];
        }
        return rows;
    }

    /** Collects rows in the order of the file. Threads: one. */
    public static final class Builder {
        private final Columns columns = new Columns();
        private final int limit;

        /**
         * @param limit rows beyond it are ignored
         */
        public Builder(int limit) {
            this.limit = limit;
        }

        /** Whether more rows are welcome. */
        public boolean wantsMore() {
            return columns.size < limit;
        }

        /** Adds a row, unless the limit is reached. */
        public void add(int minute, int delay, int distance, String origin, String destination) {
            if (wantsMore()) {
                columns.add(minute, delay, distance, origin, destination);
            }
        }

        /** The table of the rows so far; the builder is of no use afterwards. */
        public FlightTable build() {
            return new FlightTable(columns);
        }
    }

    private static final class Columns {
        private final Map<String, Integer> airportNumbers = new HashMap<>();
        private String[] airports = new String[256];
        private int[] minute = new int[1 << 16];
        private int[] delay = new int[1 << 16];
        private int[] distance = new int[1 << 16];
        private short[] origin = new short[1 << 16];
        private short[] destination = new short[1 << 16];
        private int size;

        private void add(int at, int late, int miles, String from, String to) {
            if (size == minute.length) {
                int capacity = size * 2;
                minute = Arrays.copyOf(minute, capacity);
                delay = Arrays.copyOf(delay, capacity);
                distance = Arrays.copyOf(distance, capacity);
                origin = Arrays.copyOf(origin, capacity);
                destination = Arrays.copyOf(destination, capacity);
            }
            minute[size] = at;
            delay[size] = late;
            distance[size] = miles;
            origin[size] = airport(from);
            destination[size] = airport(to);
            size++;
        }

        private short airport(String code) {
            Integer known = airportNumbers.get(code);
            if (known != null) {
                return known.shortValue();
            }
            int number = airportNumbers.size();
            if (number > Short.MAX_VALUE) {
                throw new IllegalArgumentException(
                        "More than "
                                + Short.MAX_VALUE
                                + " airports: the columns origin and destination must hold airport"
                                + " codes; check the input file");
            }
            if (number == airports.length) {
                airports = Arrays.copyOf(airports, number * 2);
            }
            airports[number] = code;
            airportNumbers.put(code, number);
            return (short) number;
        }
    }
}
