package io.lazystate.backend;

import io.lazystate.snapshot.RowExpiry;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongPredicate;
import java.util.function.Supplier;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.ListSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.runtime.state.ttl.TtlTimeProvider;
import org.apache.flink.runtime.state.ttl.TtlUtils;
import org.apache.flink.state.rocksdb.ttl.RocksDbTtlCompactFiltersManager;
import org.jspecify.annotations.Nullable;

/**
 * Flink's compaction filters for states with a time to live, which also tells what they would drop:
 * folding drops the same.
 *
 * <p>Shape of values, as Flink writes them: 8 bytes of timestamp, big endian, before the user's
 * value; in a map one byte comes first; a list is such elements with one byte between them.
 * Threads: the task thread registers states and takes {@link #expiries}.
 */
final class TtlFilters extends RocksDbTtlCompactFiltersManager {
    private static final int MAP_TIMESTAMP_OFFSET = 1;

    private final TtlTimeProvider time;
    private final Map<String, Supplier<RowExpiry>> expiries = new HashMap<>();

    TtlFilters(TtlTimeProvider time, long queryTimeAfterEntries, Duration periodicCompactionTime) {
        super(time, queryTimeAfterEntries, periodicCompactionTime);
        this.time = time;
    }

    /**
     * By the names of the states that are registered now and clean up in compactions; new ones,
     * since checkpoints are written by several threads at once, and a serializer is for one.
     */
    Map<String, RowExpiry> expiries() {
        Map<String, RowExpiry> taken = new HashMap<>();
        expiries.forEach((state, expiry) -> taken.put(state, expiry.get()));
        return taken;
    }

    @Override
    public void configCompactFilter(
            StateDescriptor<?, ?> descriptor, TypeSerializer<?> serializer) {
        super.configCompactFilter(descriptor, serializer);
        StateTtlConfig ttl = descriptor.getTtlConfig();
        if (ttl.isEnabled() && ttl.getCleanupStrategies().inRocksdbCompactFilter()) {
            long ttlMillis = ttl.getTimeToLive().toMillis();
            expiries.put(
                    descriptor.getName(),
                    expiry(
                            descriptor,
                            serializer,
                            timestamp ->
                                    TtlUtils.expired(
                                            timestamp, ttlMillis, time.currentTimestamp())));
        } else {
            expiries.remove(descriptor.getName());
        }
    }

    private static Supplier<RowExpiry> expiry(
            StateDescriptor<?, ?> descriptor, TypeSerializer<?> serializer, LongPredicate expired) {
        if (descriptor instanceof ListStateDescriptor
                && serializer instanceof ListSerializer<?> list) {
            TypeSerializer<?> elements = list.getElementSerializer().duplicate();
            return () -> {
                TypeSerializer<?> element = elements.duplicate();
                return value -> unexpired(value, element, expired);
            };
        }
        int offset = descriptor instanceof MapStateDescriptor ? MAP_TIMESTAMP_OFFSET : 0;
        RowExpiry whole =
                value ->
                        value.length >= offset + Long.BYTES
                                        && expired.test(timestamp(value, offset))
                                ? null
                                : value;
        return () -> whole;
    }

    /** The list from its first live element on: elements are in the order they were added. */
    private static byte @Nullable [] unexpired(
            byte[] list, TypeSerializer<?> element, LongPredicate expired) {
        DataInputDeserializer in = new DataInputDeserializer(list);
        int from = 0;
        try {
            while (from < list.length && expired.test(timestamp(list, from))) {
                in.setBuffer(list, from, list.length - from);
                element.deserialize(in);
                from = in.getPosition() + 1; // the delimiter
            }
        } catch (IOException | RuntimeException e) {
            // An element of a class that is gone, say: a read will say so, folding keeps it.
            return list;
        }
        if (from >= list.length) {
            return null;
        }
        return from == 0 ? list : Arrays.copyOfRange(list, from, list.length);
    }

    private static long timestamp(byte[] value, int offset) {
        long timestamp = 0;
        for (int i = 0; i < Long.BYTES; i++) {
            timestamp = (timestamp << 8) | (value[offset + i] & 0xff);
        }
        return timestamp;
    }
}
