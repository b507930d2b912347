package io.lazystate.paging;

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

    private final StateRegistry states;
    private final WriteBatch target;
    private final PagedRocksDB db;
    private final Map<ColdKey, byte @Nullable []> written = new HashMap<>();
    private final boolean merges;

    /**
     * @param merges whether the batch has merges, which then need to see its own earlier rows
     */
    BatchRouter(StateRegistry states, WriteBatch target, PagedRocksDB db, boolean merges) {
        this.states = states;
        this.target = target;
        this.db = db;
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
            db.countColdWrite();
            remember(state, key, null);
            db.overlay().remove(target, state, key);
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
            byte[] value = written.containsKey(row) ? written.get(row) : db.coldValue(state, key);
            putCold(state, key, StringAppend.append(value, operand));
        }
    }

    private void putCold(PagedState state, byte[] key, byte[] value) throws RocksDBException {
        db.countColdWrite();
        remember(state, key, value);
        db.overlay().put(target, state, key, value);
    }

    private void remember(PagedState state, byte[] key, byte @Nullable [] value) {
        if (merges) {
            written.put(new ColdKey(state.id(), ByteBuffer.wrap(key)), value);
        }
    }
}
