package io.lazystate.examples.flights.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * The only split of a {@link FlightSource}: all flights from a position on.
 *
 * @param position of the next flight, in order of arrival, from 0
 */
public record FlightSplit(long position) implements SourceSplit {

    @Override
    public String splitId() {
        return "flights";
    }

    /** Layout: the position, 8 bytes, big-endian. */
    static final class Serializer implements SimpleVersionedSerializer<FlightSplit> {
        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(FlightSplit split) {
            return ByteBuffer.allocate(Long.BYTES).putLong(split.position()).array();
        }

        @Override
        public FlightSplit deserialize(int version, byte[] bytes) throws IOException {
            if (version != getVersion() || bytes.length != Long.BYTES) {
                throw new IOException(
                        "A flight split of version "
                                + version
                                + " and "
                                + bytes.length
                                + " bytes is unknown; restore with the release that wrote it");
            }
            return new FlightSplit(ByteBuffer.wrap(bytes).getLong());
        }
    }
}
