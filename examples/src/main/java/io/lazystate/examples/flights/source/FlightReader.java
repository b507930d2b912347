package io.lazystate.examples.flights.source;

import io.lazystate.examples.flights.Flight;
import io.lazystate.examples.flights.input.FlightTable;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.core.io.InputStatus;

/** Emits flights from the position of its split on. Threads: the task thread. */
final class FlightReader implements SourceReader<Flight, FlightSplit> {
    private static final long NO_SPLIT = -1;

    private final FlightTable flights;
    private final long outOfOrderMillis;
    private final Gate gate;
    private final CompletableFuture<Void> assigned = new CompletableFuture<>();
    private long position = NO_SPLIT;
    private boolean noMoreSplits;
    private long watermark = Long.MIN_VALUE;

    FlightReader(FlightTable flights, long outOfOrderMillis, Gate gate) {
        this.flights = flights;
        this.outOfOrderMillis = outOfOrderMillis;
        this.gate = gate;
    }

    @Override
    public void start() {}

    @Override
    public InputStatus pollNext(ReaderOutput<Flight> output) {
        if (position == NO_SPLIT) {
            return noMoreSplits ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
        }
        if (!gate.isOpen(position)) {
            return InputStatus.NOTHING_AVAILABLE;
        }
        if (position == flights.size()) {
            return InputStatus.END_OF_INPUT;
        }
        emit((int) position, output);
        position++;
        return InputStatus.MORE_AVAILABLE;
    }

    private void emit(int at, ReaderOutput<Flight> output) {
        long newest = flights.newestBefore(at);
        if (newest != Long.MIN_VALUE && newest - outOfOrderMillis - 1 > watermark) {
            watermark = newest - outOfOrderMillis - 1;
            output.emitWatermark(new Watermark(watermark));
        }
        Flight flight = flights.flight(at);
        output.collect(flight, flight.scheduled());
    }

    @Override
    public List<FlightSplit> snapshotState(long checkpointId) {
        return position == NO_SPLIT ? List.of() : List.of(new FlightSplit(position));
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
        return position == NO_SPLIT ? assigned : gate.whenOpen(position);
    }

    @Override
    public void addSplits(List<FlightSplit> splits) {
        for (FlightSplit split : splits) {
            position = split.position();
        }
        assigned.complete(null);
    }

    @Override
    public void notifyNoMoreSplits() {
        noMoreSplits = true;
        assigned.complete(null);
    }

    @Override
    public void close() {}
}
