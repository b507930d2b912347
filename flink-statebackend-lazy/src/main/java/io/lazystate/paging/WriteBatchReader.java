package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import org.rocksdb.RocksDBException;

/**
 * Reads the bytes of a {@link org.rocksdb.WriteBatch} in Java, record by record.
 *
 * <p>Shape, as in RocksDB's {@code db/write_batch.cc}: sequence number (8 bytes), number of records
 * (4 bytes, little-endian), records. A record is a tag (1 byte), the column family's id (varint, if
 * the tag says so), the key, and the value (if the tag says so), each with its length before it
 * (varint). Log data has a length and bytes, and does not count as a record.
 *
 * <p>Cost: no object and no copy a record; {@code WriteBatch.iterate} takes ten times as long. Not
 * thread-safe.
 *
 * <p>Errors: INTERNAL for a record that {@link Handler} has no method for, and for damaged bytes.
 */
final class WriteBatchReader {

    /** Called for each record, with ranges of the batch's bytes, which are not to be changed. */
    interface Handler {

        void put(
                int columnFamilyId,
                byte[] data,
                int keyOffset,
                int keyLength,
                int valueOffset,
                int valueLength)
                throws RocksDBException;

        /** A delete or a single delete. */
        void delete(int columnFamilyId, byte[] data, int keyOffset, int keyLength)
                throws RocksDBException;

        void merge(
                int columnFamilyId,
                byte[] data,
                int keyOffset,
                int keyLength,
                int valueOffset,
                int valueLength)
                throws RocksDBException;
    }

    /** The column family of records that name none. */
    static final int DEFAULT_COLUMN_FAMILY_ID = 0;

    private static final int SEQUENCE_BYTES = 8;
    private static final int MOST_VARINT_SHIFT = 28;

    // Tags, as in RocksDB's db/dbformat.h.
    private static final int DELETE = 0x0;
    private static final int PUT = 0x1;
    private static final int MERGE = 0x2;
    private static final int LOG_DATA = 0x3;
    private static final int CF_DELETE = 0x4;
    private static final int CF_PUT = 0x5;
    private static final int CF_MERGE = 0x6;
    private static final int SINGLE_DELETE = 0x7;
    private static final int CF_SINGLE_DELETE = 0x8;

    private final byte[] data;
    private final Handler handler;
    private int position;

    private WriteBatchReader(byte[] data, Handler handler) {
        this.data = data;
        this.handler = handler;
    }

    /**
     * Hands every record of a batch to a handler, in order.
     *
     * @param data what {@link org.rocksdb.WriteBatch#data()} returned
     * @throws RocksDBException from the handler
     */
    static void read(byte[] data, Handler handler) throws RocksDBException {
        new WriteBatchReader(data, handler).read();
    }

    private void read() throws RocksDBException {
        if (data.length < SEQUENCE_BYTES + Integer.BYTES) {
            throw bad("has no header");
        }
        int records = (int) KeyArena.LENGTH.get(data, SEQUENCE_BYTES);
        position = SEQUENCE_BYTES + Integer.BYTES;
        int read = 0;
        while (position < data.length) {
            read += readRecord();
        }
        if (read != records) {
            throw bad("has " + read + " records where its header says " + records);
        }
    }

    /** Reads a record; returns how many it counts for. */
    private int readRecord() throws RocksDBException {
        int tag = data[position++];
        switch (tag) {
            case PUT, CF_PUT -> {
                int columnFamily = tag == PUT ? DEFAULT_COLUMN_FAMILY_ID : varint();
                int keyLength = varint();
                int key = skip(keyLength);
                int valueLength = varint();
                int value = skip(valueLength);
                handler.put(columnFamily, data, key, keyLength, value, valueLength);
            }
            case MERGE, CF_MERGE -> {
                int columnFamily = tag == MERGE ? DEFAULT_COLUMN_FAMILY_ID : varint();
                int keyLength = varint();
                int key = skip(keyLength);
                int valueLength = varint();
                int value = skip(valueLength);
                handler.merge(columnFamily, data, key, keyLength, value, valueLength);
            }
            case DELETE, SINGLE_DELETE, CF_DELETE, CF_SINGLE_DELETE -> {
                boolean named = tag == CF_DELETE || tag == CF_SINGLE_DELETE;
                int columnFamily = named ? varint() : DEFAULT_COLUMN_FAMILY_ID;
                int keyLength = varint();
                handler.delete(columnFamily, data, skip(keyLength), keyLength);
            }
            case LOG_DATA -> {
                skip(varint());
                return 0;
            }
            default ->
                    throw bad(
                            "has a record with tag 0x"
                                    + Integer.toHexString(tag & 0xff)
                                    + ", which is none of put, delete, single delete and merge;"
                                    + " write it as those");
        }
        return 1;
    }

    private int varint() {
        int value = 0;
        for (int shift = 0; shift <= MOST_VARINT_SHIFT && position < data.length; shift += 7) {
            byte next = data[position++];
            value |= (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw bad("ends inside a number");
    }

    /** Passes over that many bytes; returns where they start. */
    private int skip(int bytes) {
        if (bytes < 0 || bytes > data.length - position) {
            throw bad("ends inside a record");
        }
        int start = position;
        position += bytes;
        return start;
    }

    private LazyStateException bad(String problem) {
        return new LazyStateException(
                Kind.INTERNAL,
                Where.NOWHERE.withRange(position, data.length - position),
                "A write batch of " + data.length + " bytes " + problem,
                null);
    }
}
