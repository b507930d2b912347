package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.nio.ByteBuffer;
import java.util.List;
import org.rocksdb.ByteBufferGetStatus;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.ExportImportFilesMetaData;
import org.rocksdb.Holder;
import org.rocksdb.ImportColumnFamilyOptions;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.KeyMayExist;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.TransactionLogIterator;
import org.rocksdb.WriteBatchWithIndex;
import org.rocksdb.WriteOptions;

/**
 * A RocksDB whose methods that know nothing of paging cannot be called by mistake.
 *
 * <p>Two kinds of override, below each other: reads that see only what is resident throw while
 * anything is cold; changes that would pass by the change log always throw, since no checkpoint
 * would hold them. What a subclass makes page (the calls of Flink's state classes) is not here, nor
 * is what touches no row or only local files (properties, options, flush, compaction); {@code
 * GuardedRocksDBTest} lists both and fails for a public method of RocksDB that is in no list.
 *
 * <p>The class is long because RocksDB has that many methods; each override is one statement.
 * Shares the native handle of an opened database, whose own Java object is not guarded. Threads:
 * those of {@link RocksDB}.
 */
// RocksDB deprecates some of the methods; they are guarded as long as they are there.
@SuppressWarnings("deprecation")
abstract class GuardedRocksDB extends RocksDB {

    private static final String USE_LOGGED_WRITES =
            "use put(ColumnFamilyHandle, WriteOptions, byte[], byte[]), its delete or merge, or"
                    + " write(WriteOptions, WriteBatch)";
    private static final String USE_HYDRATION =
            "leave files to hydration and eviction, and for rows " + USE_LOGGED_WRITES;
    private static final String USE_CREATE =
            "use createColumnFamily(ColumnFamilyDescriptor) once for each";
    private static final String USE_DROP = "use dropColumnFamily(ColumnFamilyHandle) once for each";
    private static final String USE_CLOSE = "use close()";

    /**
     * @param nativeHandle handle of an opened database
     */
    protected GuardedRocksDB(long nativeHandle) {
        super(nativeHandle);
    }

    /**
     * Returns if every row is in the local database.
     *
     * @param method the RocksDB method that only then gives the right answer, for the message
     * @throws LazyStateException INTERNAL while any row is cold
     */
    protected abstract void requireResident(String method);

    /** The error for a method whose changes would be missing from the next checkpoint. */
    protected static LazyStateException unlogged(String method) {
        return unlogged(method, USE_LOGGED_WRITES);
    }

    private static LazyStateException unlogged(String method, String remedy) {
        return new LazyStateException(
                Kind.INTERNAL,
                Where.NOWHERE,
                "RocksDB."
                        + method
                        + " is not supported: paging and the change log would not hear of it; "
                        + remedy,
                null);
    }

    // ---- Guarded: right only while every row is resident ----

    // Point reads.

    @Override
    public int get(ReadOptions options, ByteBuffer key, ByteBuffer value) throws RocksDBException {
        requireResident("get");
        return super.get(options, key, value);
    }

    @Override
    public int get(
            ColumnFamilyHandle columnFamily, ReadOptions options, ByteBuffer key, ByteBuffer value)
            throws RocksDBException {
        requireResident("get");
        return super.get(columnFamily, options, key, value);
    }

    @Override
    public int get(byte[] key, byte[] value) throws RocksDBException {
        requireResident("get");
        return super.get(key, value);
    }

    @Override
    public int get(
            byte[] key, int offset, int length, byte[] value, int valueOffset, int valueLength)
            throws RocksDBException {
        requireResident("get");
        return super.get(key, offset, length, value, valueOffset, valueLength);
    }

    @Override
    public int get(ColumnFamilyHandle columnFamily, byte[] key, byte[] value)
            throws RocksDBException {
        requireResident("get");
        return super.get(columnFamily, key, value);
    }

    @Override
    public int get(
            ColumnFamilyHandle columnFamily,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength)
            throws RocksDBException {
        requireResident("get");
        return super.get(columnFamily, key, offset, length, value, valueOffset, valueLength);
    }

    @Override
    public int get(ReadOptions options, byte[] key, byte[] value) throws RocksDBException {
        requireResident("get");
        return super.get(options, key, value);
    }

    @Override
    public int get(
            ReadOptions options,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength)
            throws RocksDBException {
        requireResident("get");
        return super.get(options, key, offset, length, value, valueOffset, valueLength);
    }

    @Override
    public int get(ColumnFamilyHandle columnFamily, ReadOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        requireResident("get");
        return super.get(columnFamily, options, key, value);
    }

    @Override
    public int get(
            ColumnFamilyHandle columnFamily,
            ReadOptions options,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength)
            throws RocksDBException {
        requireResident("get");
        return super.get(
                columnFamily, options, key, offset, length, value, valueOffset, valueLength);
    }

    @Override
    public byte[] get(byte[] key) throws RocksDBException {
        requireResident("get");
        return super.get(key);
    }

    @Override
    public byte[] get(byte[] key, int offset, int length) throws RocksDBException {
        requireResident("get");
        return super.get(key, offset, length);
    }

    @Override
    public byte[] get(ColumnFamilyHandle columnFamily, byte[] key, int offset, int length)
            throws RocksDBException {
        requireResident("get");
        return super.get(columnFamily, key, offset, length);
    }

    @Override
    public byte[] get(ReadOptions options, byte[] key) throws RocksDBException {
        requireResident("get");
        return super.get(options, key);
    }

    @Override
    public byte[] get(ReadOptions options, byte[] key, int offset, int length)
            throws RocksDBException {
        requireResident("get");
        return super.get(options, key, offset, length);
    }

    @Override
    public byte[] get(
            ColumnFamilyHandle columnFamily,
            ReadOptions options,
            byte[] key,
            int offset,
            int length)
            throws RocksDBException {
        requireResident("get");
        return super.get(columnFamily, options, key, offset, length);
    }

    // Reads of many keys.

    @Override
    public List<byte[]> multiGetAsList(List<byte[]> keys) throws RocksDBException {
        requireResident("multiGetAsList");
        return super.multiGetAsList(keys);
    }

    @Override
    public List<byte[]> multiGetAsList(List<ColumnFamilyHandle> columnFamilies, List<byte[]> keys)
            throws RocksDBException {
        requireResident("multiGetAsList");
        return super.multiGetAsList(columnFamilies, keys);
    }

    @Override
    public List<byte[]> multiGetAsList(ReadOptions options, List<byte[]> keys)
            throws RocksDBException {
        requireResident("multiGetAsList");
        return super.multiGetAsList(options, keys);
    }

    @Override
    public List<byte[]> multiGetAsList(
            ReadOptions options, List<ColumnFamilyHandle> columnFamilies, List<byte[]> keys)
            throws RocksDBException {
        requireResident("multiGetAsList");
        return super.multiGetAsList(options, columnFamilies, keys);
    }

    @Override
    public List<ByteBufferGetStatus> multiGetByteBuffers(
            List<ByteBuffer> keys, List<ByteBuffer> values) throws RocksDBException {
        requireResident("multiGetByteBuffers");
        return super.multiGetByteBuffers(keys, values);
    }

    @Override
    public List<ByteBufferGetStatus> multiGetByteBuffers(
            ReadOptions options, List<ByteBuffer> keys, List<ByteBuffer> values)
            throws RocksDBException {
        requireResident("multiGetByteBuffers");
        return super.multiGetByteBuffers(options, keys, values);
    }

    @Override
    public List<ByteBufferGetStatus> multiGetByteBuffers(
            List<ColumnFamilyHandle> columnFamilies, List<ByteBuffer> keys, List<ByteBuffer> values)
            throws RocksDBException {
        requireResident("multiGetByteBuffers");
        return super.multiGetByteBuffers(columnFamilies, keys, values);
    }

    @Override
    public List<ByteBufferGetStatus> multiGetByteBuffers(
            ReadOptions options,
            List<ColumnFamilyHandle> columnFamilies,
            List<ByteBuffer> keys,
            List<ByteBuffer> values)
            throws RocksDBException {
        requireResident("multiGetByteBuffers");
        return super.multiGetByteBuffers(options, columnFamilies, keys, values);
    }

    // Existence.

    @Override
    public boolean keyExists(byte[] key) {
        requireResident("keyExists");
        return super.keyExists(key);
    }

    @Override
    public boolean keyExists(byte[] key, int offset, int length) {
        requireResident("keyExists");
        return super.keyExists(key, offset, length);
    }

    @Override
    public boolean keyExists(ColumnFamilyHandle columnFamily, byte[] key) {
        requireResident("keyExists");
        return super.keyExists(columnFamily, key);
    }

    @Override
    public boolean keyExists(ColumnFamilyHandle columnFamily, byte[] key, int offset, int length) {
        requireResident("keyExists");
        return super.keyExists(columnFamily, key, offset, length);
    }

    @Override
    public boolean keyExists(ReadOptions options, byte[] key) {
        requireResident("keyExists");
        return super.keyExists(options, key);
    }

    @Override
    public boolean keyExists(ReadOptions options, byte[] key, int offset, int length) {
        requireResident("keyExists");
        return super.keyExists(options, key, offset, length);
    }

    @Override
    public boolean keyExists(ColumnFamilyHandle columnFamily, ReadOptions options, byte[] key) {
        requireResident("keyExists");
        return super.keyExists(columnFamily, options, key);
    }

    @Override
    public boolean keyExists(
            ColumnFamilyHandle columnFamily,
            ReadOptions options,
            byte[] key,
            int offset,
            int length) {
        requireResident("keyExists");
        return super.keyExists(columnFamily, options, key, offset, length);
    }

    @Override
    public boolean keyExists(ByteBuffer key) {
        requireResident("keyExists");
        return super.keyExists(key);
    }

    @Override
    public boolean keyExists(ColumnFamilyHandle columnFamily, ByteBuffer key) {
        requireResident("keyExists");
        return super.keyExists(columnFamily, key);
    }

    @Override
    public boolean keyExists(ReadOptions options, ByteBuffer key) {
        requireResident("keyExists");
        return super.keyExists(options, key);
    }

    @Override
    public boolean keyExists(ColumnFamilyHandle columnFamily, ReadOptions options, ByteBuffer key) {
        requireResident("keyExists");
        return super.keyExists(columnFamily, options, key);
    }

    @Override
    public boolean keyMayExist(byte[] key, Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(key, valueHolder);
    }

    @Override
    public boolean keyMayExist(byte[] key, int offset, int length, Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(key, offset, length, valueHolder);
    }

    @Override
    public boolean keyMayExist(
            ColumnFamilyHandle columnFamily, byte[] key, Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, key, valueHolder);
    }

    @Override
    public boolean keyMayExist(
            ColumnFamilyHandle columnFamily,
            byte[] key,
            int offset,
            int length,
            Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, key, offset, length, valueHolder);
    }

    @Override
    public boolean keyMayExist(ReadOptions options, byte[] key, Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(options, key, valueHolder);
    }

    @Override
    public boolean keyMayExist(
            ReadOptions options, byte[] key, int offset, int length, Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(options, key, offset, length, valueHolder);
    }

    @Override
    public boolean keyMayExist(
            ColumnFamilyHandle columnFamily,
            ReadOptions options,
            byte[] key,
            Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, options, key, valueHolder);
    }

    @Override
    public boolean keyMayExist(
            ColumnFamilyHandle columnFamily,
            ReadOptions options,
            byte[] key,
            int offset,
            int length,
            Holder<byte[]> valueHolder) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, options, key, offset, length, valueHolder);
    }

    @Override
    public boolean keyMayExist(ByteBuffer key) {
        requireResident("keyMayExist");
        return super.keyMayExist(key);
    }

    @Override
    public boolean keyMayExist(ColumnFamilyHandle columnFamily, ByteBuffer key) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, key);
    }

    @Override
    public boolean keyMayExist(ReadOptions options, ByteBuffer key) {
        requireResident("keyMayExist");
        return super.keyMayExist(options, key);
    }

    @Override
    public KeyMayExist keyMayExist(ByteBuffer key, ByteBuffer value) {
        requireResident("keyMayExist");
        return super.keyMayExist(key, value);
    }

    @Override
    public KeyMayExist keyMayExist(
            ColumnFamilyHandle columnFamily, ByteBuffer key, ByteBuffer value) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, key, value);
    }

    @Override
    public KeyMayExist keyMayExist(ReadOptions options, ByteBuffer key, ByteBuffer value) {
        requireResident("keyMayExist");
        return super.keyMayExist(options, key, value);
    }

    @Override
    public boolean keyMayExist(
            ColumnFamilyHandle columnFamily, ReadOptions options, ByteBuffer key) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, options, key);
    }

    @Override
    public KeyMayExist keyMayExist(
            ColumnFamilyHandle columnFamily,
            ReadOptions options,
            ByteBuffer key,
            ByteBuffer value) {
        requireResident("keyMayExist");
        return super.keyMayExist(columnFamily, options, key, value);
    }

    // Iterators.

    @Override
    public RocksIterator newIterator() {
        requireResident("newIterator");
        return super.newIterator();
    }

    @Override
    public RocksIterator newIterator(ReadOptions options) {
        requireResident("newIterator");
        return super.newIterator(options);
    }

    @Override
    public List<RocksIterator> newIterators(List<ColumnFamilyHandle> columnFamilies)
            throws RocksDBException {
        requireResident("newIterators");
        return super.newIterators(columnFamilies);
    }

    @Override
    public List<RocksIterator> newIterators(
            List<ColumnFamilyHandle> columnFamilies, ReadOptions options) throws RocksDBException {
        requireResident("newIterators");
        return super.newIterators(columnFamilies, options);
    }

    // Rows through the back door: the write-ahead log, and files moved between levels.

    @Override
    public TransactionLogIterator getUpdatesSince(long sequenceNumber) throws RocksDBException {
        requireResident("getUpdatesSince");
        return super.getUpdatesSince(sequenceNumber);
    }

    @Override
    public void promoteL0(ColumnFamilyHandle columnFamily, int targetLevel)
            throws RocksDBException {
        requireResident("promoteL0");
        super.promoteL0(columnFamily, targetLevel);
    }

    @Override
    public void promoteL0(int targetLevel) throws RocksDBException {
        requireResident("promoteL0");
        super.promoteL0(targetLevel);
    }

    // ---- Refused: paging or the change log would not hear of it ----

    // Writes that would not be logged.

    @Override
    public void put(byte[] key, byte[] value) {
        throw unlogged("put");
    }

    @Override
    public void put(
            byte[] key, int offset, int length, byte[] value, int valueOffset, int valueLength) {
        throw unlogged("put");
    }

    @Override
    public void put(ColumnFamilyHandle columnFamily, byte[] key, byte[] value) {
        throw unlogged("put");
    }

    @Override
    public void put(
            ColumnFamilyHandle columnFamily,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength) {
        throw unlogged("put");
    }

    @Override
    public void put(WriteOptions options, byte[] key, byte[] value) {
        throw unlogged("put");
    }

    @Override
    public void put(
            WriteOptions options,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength) {
        throw unlogged("put");
    }

    @Override
    public void put(
            ColumnFamilyHandle columnFamily,
            WriteOptions options,
            ByteBuffer key,
            ByteBuffer value) {
        throw unlogged("put");
    }

    @Override
    public void put(WriteOptions options, ByteBuffer key, ByteBuffer value) {
        throw unlogged("put");
    }

    @Override
    public void put(
            ColumnFamilyHandle columnFamily,
            WriteOptions options,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength) {
        throw unlogged("put");
    }

    @Override
    public void delete(byte[] key) {
        throw unlogged("delete");
    }

    @Override
    public void delete(byte[] key, int offset, int length) {
        throw unlogged("delete");
    }

    @Override
    public void delete(ColumnFamilyHandle columnFamily, byte[] key) {
        throw unlogged("delete");
    }

    @Override
    public void delete(ColumnFamilyHandle columnFamily, byte[] key, int offset, int length) {
        throw unlogged("delete");
    }

    @Override
    public void delete(WriteOptions options, byte[] key) {
        throw unlogged("delete");
    }

    @Override
    public void delete(WriteOptions options, byte[] key, int offset, int length) {
        throw unlogged("delete");
    }

    @Override
    public void delete(
            ColumnFamilyHandle columnFamily,
            WriteOptions options,
            byte[] key,
            int offset,
            int length) {
        throw unlogged("delete");
    }

    @Override
    public void delete(WriteOptions options, ByteBuffer key) {
        throw unlogged("delete");
    }

    @Override
    public void delete(ColumnFamilyHandle columnFamily, WriteOptions options, ByteBuffer key) {
        throw unlogged("delete");
    }

    @Override
    public void singleDelete(byte[] key) {
        throw unlogged("singleDelete");
    }

    @Override
    public void singleDelete(ColumnFamilyHandle columnFamily, byte[] key) {
        throw unlogged("singleDelete");
    }

    @Override
    public void singleDelete(WriteOptions options, byte[] key) {
        throw unlogged("singleDelete");
    }

    @Override
    public void singleDelete(ColumnFamilyHandle columnFamily, WriteOptions options, byte[] key) {
        throw unlogged("singleDelete");
    }

    @Override
    public void deleteRange(byte[] beginKey, byte[] endKey) {
        throw unlogged("deleteRange");
    }

    @Override
    public void deleteRange(ColumnFamilyHandle columnFamily, byte[] beginKey, byte[] endKey) {
        throw unlogged("deleteRange");
    }

    @Override
    public void deleteRange(WriteOptions options, byte[] beginKey, byte[] endKey) {
        throw unlogged("deleteRange");
    }

    @Override
    public void deleteRange(
            ColumnFamilyHandle columnFamily, WriteOptions options, byte[] beginKey, byte[] endKey) {
        throw unlogged("deleteRange");
    }

    @Override
    public void merge(byte[] key, byte[] value) {
        throw unlogged("merge");
    }

    @Override
    public void merge(
            byte[] key, int offset, int length, byte[] value, int valueOffset, int valueLength) {
        throw unlogged("merge");
    }

    @Override
    public void merge(ColumnFamilyHandle columnFamily, byte[] key, byte[] value) {
        throw unlogged("merge");
    }

    @Override
    public void merge(
            ColumnFamilyHandle columnFamily,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength) {
        throw unlogged("merge");
    }

    @Override
    public void merge(WriteOptions options, byte[] key, byte[] value) {
        throw unlogged("merge");
    }

    @Override
    public void merge(
            WriteOptions options,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength) {
        throw unlogged("merge");
    }

    @Override
    public void merge(WriteOptions options, ByteBuffer key, ByteBuffer value) {
        throw unlogged("merge");
    }

    @Override
    public void merge(
            ColumnFamilyHandle columnFamily,
            WriteOptions options,
            ByteBuffer key,
            ByteBuffer value) {
        throw unlogged("merge");
    }

    @Override
    public void merge(
            ColumnFamilyHandle columnFamily,
            WriteOptions options,
            byte[] key,
            int offset,
            int length,
            byte[] value,
            int valueOffset,
            int valueLength) {
        throw unlogged("merge");
    }

    @Override
    public void write(WriteOptions options, WriteBatchWithIndex updates) {
        throw unlogged("write");
    }

    // Rows that come or go in whole files.

    @Override
    public void ingestExternalFile(
            List<String> filePathList, IngestExternalFileOptions ingestExternalFileOptions) {
        throw unlogged("ingestExternalFile", USE_HYDRATION);
    }

    @Override
    public void ingestExternalFile(
            ColumnFamilyHandle columnFamily,
            List<String> filePathList,
            IngestExternalFileOptions ingestExternalFileOptions) {
        throw unlogged("ingestExternalFile", USE_HYDRATION);
    }

    @Override
    public void deleteFile(String name) {
        throw unlogged("deleteFile", USE_HYDRATION);
    }

    @Override
    public void deleteFilesInRanges(
            ColumnFamilyHandle columnFamily, List<byte[]> ranges, boolean includeEnd) {
        throw unlogged("deleteFilesInRanges", USE_HYDRATION);
    }

    @Override
    public void clipColumnFamily(ColumnFamilyHandle columnFamily, byte[] beginKey, byte[] endKey) {
        throw unlogged("clipColumnFamily", USE_HYDRATION);
    }

    @Override
    public void tryCatchUpWithPrimary() {
        throw unlogged("tryCatchUpWithPrimary", USE_HYDRATION);
    }

    // Column families whose state would be unknown.

    @Override
    public List<ColumnFamilyHandle> createColumnFamilies(
            ColumnFamilyOptions columnFamilyOptions, List<byte[]> columnFamilyNames) {
        throw unlogged("createColumnFamilies", USE_CREATE);
    }

    @Override
    public List<ColumnFamilyHandle> createColumnFamilies(
            List<ColumnFamilyDescriptor> columnFamilyDescriptors) {
        throw unlogged("createColumnFamilies", USE_CREATE);
    }

    @Override
    public ColumnFamilyHandle createColumnFamilyWithImport(
            ColumnFamilyDescriptor columnFamilyDescriptor,
            ImportColumnFamilyOptions importColumnFamilyOptions,
            ExportImportFilesMetaData metadata) {
        throw unlogged("createColumnFamilyWithImport", USE_CREATE);
    }

    @Override
    public ColumnFamilyHandle createColumnFamilyWithImport(
            ColumnFamilyDescriptor columnFamilyDescriptor,
            ImportColumnFamilyOptions importColumnFamilyOptions,
            List<ExportImportFilesMetaData> metadatas) {
        throw unlogged("createColumnFamilyWithImport", USE_CREATE);
    }

    @Override
    public void dropColumnFamilies(List<ColumnFamilyHandle> columnFamilies) {
        throw unlogged("dropColumnFamilies", USE_DROP);
    }

    // Closing.

    @Override
    public void closeE() {
        throw unlogged("closeE", USE_CLOSE);
    }
}
