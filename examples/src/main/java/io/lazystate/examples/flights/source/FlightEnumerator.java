package io.lazystate.examples.flights.source;

import java.io.IOException;
import java.util.List;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.jspecify.annotations.Nullable;

/** Gives the only split to the first reader and nothing to the others. */
final class FlightEnumerator implements SplitEnumerator<FlightSplit, Boolean> {
    private static final int WORKER = 0;

    private final SplitEnumeratorContext<FlightSplit> context;
    private @Nullable FlightSplit pending;

    FlightEnumerator(SplitEnumeratorContext<FlightSplit> context, boolean assigned) {
        this.context = context;
        this.pending = assigned ? null : new FlightSplit(0);
    }

    @Override
    public void start() {}

    @Override
    public void addReader(int subtask) {
        FlightSplit split = pending;
        if (subtask == WORKER && split != null) {
            context.assignSplit(split, WORKER);
            pending = null;
        }
        context.signalNoMoreSplits(subtask);
    }

    @Override
    public void addSplitsBack(List<FlightSplit> splits, int subtask) {
        for (FlightSplit split : splits) {
            pending = split;
        }
    }

    @Override
    public void handleSplitRequest(int subtask, @Nullable String host) {}

    @Override
    public Boolean snapshotState(long checkpointId) {
        return pending == null;
    }

    @Override
    public void close() {}

    /** Layout: one byte, 1 if the split was given away. */
    static final class AssignedSerializer implements SimpleVersionedSerializer<Boolean> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Boolean assigned) {
            return new byte[] {(byte) (assigned ? 1 : 0)};
        }

        @Override
        public Boolean deserialize(int version, byte[] bytes) throws IOException {
            if (version != getVersion() || bytes.length != 1) {
                throw new IOException(
                        "An enumerator state of version "
                                + version
                                + " is unknown; restore with the release that wrote it");
            }
            return bytes[0] == 1;
        }
    }
}
