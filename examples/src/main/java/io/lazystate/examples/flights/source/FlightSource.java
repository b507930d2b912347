package io.lazystate.examples.flights.source;

import io.lazystate.examples.flights.Flight;
import io.lazystate.examples.flights.input.FlightFile;
import java.time.Duration;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Emits the flights of a file in their order of arrival, with timestamps and a watermark before
 * each flight that moves it.
 *
 * <p>One split, so one reader does the work, whatever the parallelism. The watermark is a function
 * of the position and is sent again before the first flight after a recovery; a watermark generator
 * would start from nothing then and take late flights for timely ones.
 */
public final class FlightSource implements Source<Flight, FlightSplit, Boolean> {
    private static final long serialVersionUID = 1;

    private final FlightFile file;
    private final Duration outOfOrder;
    private final Gate gate;

    /**
     * @param outOfOrder how far the watermark stays behind the newest flight
     * @param gate how far the source may go
     */
    public FlightSource(FlightFile file, Duration outOfOrder, Gate gate) {
        this.file = file;
        this.outOfOrder = outOfOrder;
        this.gate = gate;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.BOUNDED;
    }

    @Override
    public SourceReader<Flight, FlightSplit> createReader(SourceReaderContext context)
            throws java.io.IOException {
        return new FlightReader(file.load(), outOfOrder.toMillis(), gate);
    }

    @Override
    public SplitEnumerator<FlightSplit, Boolean> createEnumerator(
            SplitEnumeratorContext<FlightSplit> context) {
        return new FlightEnumerator(context, false);
    }

    @Override
    public SplitEnumerator<FlightSplit, Boolean> restoreEnumerator(
            SplitEnumeratorContext<FlightSplit> context, Boolean assigned) {
        return new FlightEnumerator(context, assigned);
    }

    @Override
    public SimpleVersionedSerializer<FlightSplit> getSplitSerializer() {
        return new FlightSplit.Serializer();
    }

    @Override
    public SimpleVersionedSerializer<Boolean> getEnumeratorCheckpointSerializer() {
        return new FlightEnumerator.AssignedSerializer();
    }
}
