package io.lazystate.examples.demo;

import io.lazystate.examples.flights.FlightsSettings;
import io.lazystate.examples.flights.input.FlightFile;

/**
 * What one run does: which flights make the state, and how they are amplified.
 *
 * @param file the flights
 * @param flights how many there are
 * @param built how many arrive before the checkpoint
 * @param lost how many of them and of those behind the checkpoint arrive before the failure, so
 *     that {@code lost - built} are processed twice
 * @param settings of the job
 */
record Plan(FlightFile file, int flights, int built, int lost, FlightsSettings settings) {
    /** Bytes of a departure in a RocksDB file beside its payload, as measured: key and fields. */
    private static final int ROW_BYTES = 52;

    /** The same for small payloads, where a block has enough regular bytes to be compressed. */
    private static final int SMALL_ROW_BYTES = 25;

    private static final int SMALL_PAYLOAD_BYTES = 100;

    /** Share of the copies that is stored; the others come after their hour is over. */
    private static final double STORED_SHARE = 0.93;

    private static final int USUAL_PAYLOAD_BYTES = 256;
    private static final int LEAST_PAYLOAD_BYTES = 16;
    private static final double BUILT_SHARE = 0.94;
    private static final double LOST_SHARE = 0.95;

    /** Amplifies the flights until the state has about the size asked for. */
    static Plan of(FlightFile file, int flights, long stateBytes) {
        int built = (int) (flights * BUILT_SHARE);
        int lost = (int) (flights * LOST_SHARE);
        double rows = built * STORED_SHARE;
        double usualBytes = rows * (USUAL_PAYLOAD_BYTES + ROW_BYTES);
        int copies = (int) Math.max(1, Math.round(stateBytes / usualBytes));
        long row = Math.round(stateBytes / (rows * copies));
        long payload = row - ROW_BYTES;
        if (payload < SMALL_PAYLOAD_BYTES) {
            payload = Math.min(SMALL_PAYLOAD_BYTES, row - SMALL_ROW_BYTES);
        }
        FlightsSettings settings =
                FlightsSettings.amplified(copies, (int) Math.max(LEAST_PAYLOAD_BYTES, payload));
        return new Plan(file, flights, built, lost, settings);
    }
}
