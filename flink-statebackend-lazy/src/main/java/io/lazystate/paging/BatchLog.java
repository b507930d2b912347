package io.lazystate.paging;

/** Logs the keys of a batch. */
final class BatchLog implements WriteBatchReader.Handler {
    private final StateRegistry states;

    BatchLog(StateRegistry states) {
        this.states = states;
    }

    @Override
    public void put(
            int familyId,
            byte[] data,
            int keyOffset,
            int keyLength,
            int valueOffset,
            int valueLength) {
        delete(familyId, data, keyOffset, keyLength);
    }

    @Override
    public void delete(int familyId, byte[] data, int keyOffset, int keyLength) {
        states.ofId(familyId).log(data, keyOffset, keyLength);
    }

    @Override
    public void merge(
            int familyId,
            byte[] data,
            int keyOffset,
            int keyLength,
            int valueOffset,
            int valueLength) {
        delete(familyId, data, keyOffset, keyLength);
    }
}
