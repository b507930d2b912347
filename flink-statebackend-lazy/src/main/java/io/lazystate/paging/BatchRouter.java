package io.lazystate.paging;

import io.lazystate.metrics.LoadingMetrics;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Writes a batch anew: rows of cold extents go to the overlay. */
final class BatchRouter implements WriteBatchReader.Handler {
    /** A row that this batch wrote to a cold extent before. */
    private record ColdKey(int stateId, ByteBuffer key) {}

    private final WriteBatch target;
    private final StateRegistry states;
    private final Overlay overlay;
    private final RowReader reader;
    private final LoadingMetrics metrics;
    private final Map<ColdKey, byte @Nullable []> written = new HashMap<>();
    private final boolean merges;

    /**
     * @param merges whether the batch has merges, which then need to see its own earlier rows
     */
    BatchRouter(
            WriteBatch target,
            StateRegistry states,
            Overlay overlay,
            RowReader reader,
            LoadingMetrics metrics,
            boolean merges) {
        this.target = target;
        this.states = states;
        this.overlay = overlay;
        this.reader = reader;
        this.metrics = metrics;
        this.merges = merges;
    }

    @Override
    public void put(
            int familyId,
            byte[] data,
            int keyOffset,
            int keyLength,
            int valueOffset,
            int valueLength)
            throws RocksDBException {
        PagedState state = states.ofId(familyId);
        byte[] key = Arrays.copyOfRange(data, keyOffset, keyOffset + keyLength);
        byte[] value = Arrays.copyOfRange(data, valueOffset, valueOffset + valueLength);
        if (state.map().isResident(key)) {
            target.put(state.handle(), key, value);
        } else {
            putCold(state, key, value);
        }
    }

    @Override
    public void delete(int familyId, byte[] data, int keyOffset, int keyLength)
            throws RocksDBException {
        PagedState state = states.ofId(familyId);
        byte[] key = Arrays.copyOfRange(data, keyOffset, keyOffset + keyLength);
        if (state.map().isResident(key)) {
            target.delete(state.handle(), key);
        } else {
            metrics.coldWrites().increment();
            remember(state, key, null);
            overlay.remove(target, state, key);
        }
    }

    @Override
    public void merge(
            int familyId,
            byte[] data,
            int keyOffset,
            int keyLength,
            int valueOffset,
            int valueLength)
            throws RocksDBException {
        PagedState state = states.ofId(familyId);
        byte[] key = Arrays.copyOfRange(data, keyOffset, keyOffset + keyLength);
        byte[] operand = Arrays.copyOfRange(data, valueOffset, valueOffset + valueLength);
        if (state.map().isResident(key)) {
            target.merge(state.handle(), key, operand);
        } else {
            ColdKey row = new ColdKey(state.id(), ByteBuffer.wrap(key));
            byte[] value =
                    written.containsKey(row)
                            ? written.get(row)
                            : reader.get(state, state.map(), key, null);
            putCold(state, key, StringAppend.append(value, operand));
        }
    }

    private void putCold(PagedState state, byte[] key, byte[] value) throws RocksDBException {
        metrics.coldWrites().increment();
        remember(state, key, value);
        overlay.put(target, state, key, value);
    }

    private void remember(PagedState state, byte[] key, byte @Nullable [] value) {
        if (merges) {
            written.put(new ColdKey(state.id(), ByteBuffer.wrap(key)), value);
        }
    }
}
