package io.lazystate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.CompactRangeOptions;
import org.rocksdb.FlushOptions;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.MutableColumnFamilyOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * An opened database that lets other threads of a {@link Schedule} go on before and after each
 * call, and that at times refuses a file.
 *
 * <p>Ownership: owns the opened database. It knows what was taken from it: {@link
 * #checkNothingIsOpen}.
 */
public final class ScheduledRocksDB extends RocksDB {
    /** Where a thread is that has a file to be ingested, and will go on with it. */
    public static final String BEFORE_INGEST = "before ingestExternalFile";

    /** What changes where rows lie. */
    private static final Set<String> LINGER =
            Set.of("ingestExternalFile", "deleteFilesInRanges", "compactRange", "setOptions");

    private final RocksDB opened;
    private final Schedule schedule;
    private final Random refusals;
    private final List<RocksIterator> iterators = Collections.synchronizedList(new ArrayList<>());
    private final List<ColumnFamilyHandle> families =
            Collections.synchronizedList(new ArrayList<>());
    private final List<Long> snapshots = Collections.synchronizedList(new ArrayList<>());
    private final ThreadLocal<String> lastCall = ThreadLocal.withInitial(() -> "");
    private volatile int refusedOf;
    private volatile int refused;
    private volatile int secondsRefused;
    private volatile int purgedUnderSnapshots;

    /**
     * @param refusedOf one file of so many is refused; 0: none
     */
    public ScheduledRocksDB(RocksDB opened, Schedule schedule, long seed, int refusedOf) {
        super(opened.getNativeHandle());
        this.opened = opened;
        this.schedule = schedule;
        this.refusals = new Random(seed);
        this.refusedOf = refusedOf;
    }

    private interface Call<T> {
        T make() throws RocksDBException;
    }

    private interface VoidCall {
        void make() throws RocksDBException;
    }

    private <T> T between(String name, ColumnFamilyHandle family, Call<T> call)
            throws RocksDBException {
        if (LINGER.contains(name)) {
            schedule.linger("before " + name);
        } else {
            schedule.pause("before " + name);
        }
        requireOpen(name, family);
        T result = call.make();
        lastCall.set(name);
        schedule.pause("after " + name);
        return result;
    }

    private void around(String name, ColumnFamilyHandle family, VoidCall call)
            throws RocksDBException {
        between(
                name,
                family,
                () -> {
                    call.make();
                    return true;
                });
    }

    /** RocksDB itself would crash the process, or not. */
    private static void requireOpen(String call, ColumnFamilyHandle family) {
        if (family != null && !family.isOwningHandle()) {
            throw new AssertionError(call + " of a column family that is closed");
        }
    }

    /** From now on it takes every file. */
    public void refuseNothing() {
        refusedOf = 0;
    }

    /** Calls with files that it has refused. */
    public int refused() {
        return refused;
    }

    /** Those of them that followed another one of the same link. */
    public int secondsRefused() {
        return secondsRefused;
    }

    /** How often files were removed while there was a snapshot. */
    public int purgedUnderSnapshots() {
        return purgedUnderSnapshots;
    }

    // ------------------------------------------------------------------ files

    @Override
    public void ingestExternalFile(
            ColumnFamilyHandle family, List<String> files, IngestExternalFileOptions options)
            throws RocksDBException {
        around(
                "ingestExternalFile",
                family,
                () -> {
                    if (refusedOf > 0 && refusals.nextInt(refusedOf) == 0) {
                        refused++;
                        secondsRefused += lastCall.get().equals("ingestExternalFile") ? 1 : 0;
                        throw new RocksDBException("refused by the test");
                    }
                    super.ingestExternalFile(family, files, options);
                });
    }

    @Override
    public void deleteFilesInRanges(
            ColumnFamilyHandle family, List<byte[]> ranges, boolean includeEnd)
            throws RocksDBException {
        around(
                "deleteFilesInRanges",
                family,
                () -> {
                    purgedUnderSnapshots += snapshots.isEmpty() ? 0 : 1;
                    super.deleteFilesInRanges(family, ranges, includeEnd);
                });
    }

    @Override
    public void compactRange(
            ColumnFamilyHandle family, byte[] from, byte[] to, CompactRangeOptions options)
            throws RocksDBException {
        around("compactRange", family, () -> super.compactRange(family, from, to, options));
    }

    @Override
    public void flush(FlushOptions options, List<ColumnFamilyHandle> of) throws RocksDBException {
        around("flush", of.get(0), () -> super.flush(options, of));
    }

    @Override
    public void setOptions(ColumnFamilyHandle family, MutableColumnFamilyOptions options)
            throws RocksDBException {
        around("setOptions", family, () -> super.setOptions(family, options));
    }

    // ------------------------------------------------------------------ rows

    @Override
    public byte[] get(ColumnFamilyHandle family, byte[] key) throws RocksDBException {
        return between("get", family, () -> super.get(family, key));
    }

    @Override
    public byte[] get(ColumnFamilyHandle family, ReadOptions options, byte[] key)
            throws RocksDBException {
        return between("get", family, () -> super.get(family, options, key));
    }

    @Override
    public void put(ColumnFamilyHandle family, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        around("put", family, () -> super.put(family, options, key, value));
    }

    @Override
    public void delete(ColumnFamilyHandle family, WriteOptions options, byte[] key)
            throws RocksDBException {
        around("delete", family, () -> super.delete(family, options, key));
    }

    @Override
    public void deleteRange(ColumnFamilyHandle family, WriteOptions options, byte[] from, byte[] to)
            throws RocksDBException {
        around("deleteRange", family, () -> super.deleteRange(family, options, from, to));
    }

    @Override
    public void merge(ColumnFamilyHandle family, WriteOptions options, byte[] key, byte[] operand)
            throws RocksDBException {
        around("merge", family, () -> super.merge(family, options, key, operand));
    }

    @Override
    public void write(WriteOptions options, WriteBatch batch) throws RocksDBException {
        around("write", null, () -> super.write(options, batch));
    }

    // ------------------------------------------------------------------ what is handed out

    @Override
    public RocksIterator newIterator(ColumnFamilyHandle family, ReadOptions options) {
        schedule.pause("before newIterator");
        requireOpen("newIterator", family);
        RocksIterator iterator = super.newIterator(family, options);
        iterators.add(iterator);
        schedule.pause("after newIterator");
        return iterator;
    }

    @Override
    public Snapshot getSnapshot() {
        schedule.pause("before getSnapshot");
        Snapshot snapshot = super.getSnapshot();
        snapshots.add(snapshot.getNativeHandle());
        schedule.pause("after getSnapshot");
        return snapshot;
    }

    @Override
    public void releaseSnapshot(Snapshot snapshot) {
        schedule.pause("before releaseSnapshot");
        snapshots.remove(snapshot.getNativeHandle());
        super.releaseSnapshot(snapshot);
    }

    @Override
    public long getLongProperty(ColumnFamilyHandle family, String property)
            throws RocksDBException {
        // What is asked of others depends on RocksDB's own threads, and so would the schedule.
        return property.equals("rocksdb.total-sst-files-size")
                ? between("measuring", family, () -> super.getLongProperty(family, property))
                : super.getLongProperty(family, property);
    }

    @Override
    public ColumnFamilyHandle createColumnFamily(ColumnFamilyDescriptor descriptor)
            throws RocksDBException {
        ColumnFamilyHandle family = super.createColumnFamily(descriptor);
        families.add(family);
        return family;
    }

    @Override
    public void dropColumnFamily(ColumnFamilyHandle family) throws RocksDBException {
        around("dropColumnFamily", family, () -> super.dropColumnFamily(family));
    }

    @Override
    public void close() {
        disOwnNativeHandle();
        opened.close();
    }

    /** Nobody has anything of the database any more, which is closed. */
    public void checkNothingIsOpen() {
        assertThat(iterators).as("iterators").noneMatch(RocksIterator::isOwningHandle);
        assertThat(families).as("column families").noneMatch(ColumnFamilyHandle::isOwningHandle);
        assertThat(snapshots).as("snapshots").isEmpty();
    }
}
