package io.lazystate.paging;

import io.lazystate.loading.MergeCursor;
import io.lazystate.run.Lookup;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * The rows written to cold extents, of all states, in generations.
 *
 * <p>Shape: a generation is a column family; key = state id (4 bytes, big endian), row key; value =
 * tag (0 REMOVE, 1 PUT), then the value. Of rows with the same key the newest generation's counts.
 * Removals are tagged puts, since a compaction drops RocksDB's own at the bottom level. What a
 * checkpoint has is given back by the generation, without looking at a row. Column families are
 * emptied in the background and used again: RocksDB keeps what it ever logged of each that was
 * created, in memory and at the head of every log file. Threads: the task thread writes, any reads.
 */
final class Overlay {
    /** Bytes before the row key. */
    static final int PREFIX_BYTES = 4;

    /** Each costs a local lookup for every read of a cold row. */
    static final int MOST_GENERATIONS = 4;

    /** Those that rows are read from, and those that are being emptied. */
    private static final int MOST_FAMILIES = 2 * MOST_GENERATIONS;

    private static final byte REMOVE = 0;
    private static final byte PUT = 1;
    private static final byte[] REMOVED = {REMOVE};

    /**
     * How no state's name begins: half of a surrogate pair, which the UTF-8 that Flink writes names
     * in does not have, and the modified UTF-8 that JNI reads them in does.
     */
    private static final byte[] NO_STATES_NAME = {(byte) 0xed, (byte) 0xa0, (byte) 0x80};

    /** Rows that are copied to the main column family, or removed, with one write. */
    private static final int ROWS_A_BATCH = 1000;

    /**
     * Rows that were written from some time on.
     *
     * @param lastInterval the last interval of changes whose rows it may have
     */
    private record Generation(ColumnFamilyHandle family, long lastInterval) {}

    private final RocksDB db;
    private final ColumnFamilyOptions familyOptions;
    private final WriteOptions writeOptions;

    /** Those of generations that were given back, with rows that nobody sees. */
    private final Queue<ColumnFamilyHandle> givenBack = new ConcurrentLinkedQueue<>();

    private final Queue<ColumnFamilyHandle> empty = new ConcurrentLinkedQueue<>();

    /** Reads under way of any thread: who begins after a drop does not see what was dropped. */
    private final AtomicInteger readers = new AtomicInteger();

    /** Newest first. */
    private volatile List<Generation> generations;

    private int families;
    private long bytes;
    private long generationBytes = Long.MAX_VALUE;

    /**
     * Creates the first generation, and takes the database's first sequence number: linked rows
     * have number 0, and a compaction does not keep them for a snapshot that has number 0 too.
     */
    Overlay(RocksDB db, ColumnFamilyOptions familyOptions, WriteOptions writeOptions)
            throws RocksDBException {
        this.db = db;
        this.familyOptions = familyOptions;
        this.writeOptions = writeOptions;
        this.generations = List.of(new Generation(create(), Long.MAX_VALUE));
        db.delete(family(), writeOptions, prefix(0)); // no state has this id
    }

    private ColumnFamilyHandle create() throws RocksDBException {
        return db.createColumnFamily(new ColumnFamilyDescriptor(name(++families), familyOptions));
    }

    private static byte[] name(int number) {
        byte[] readable = ("lazystate_overlay_" + number).getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(NO_STATES_NAME.length + readable.length)
                .put(NO_STATES_NAME)
                .put(readable)
                .array();
    }

    private ColumnFamilyHandle family() {
        return generations.get(0).family();
    }

    // ------------------------------------------------------------------ rows

    @Nullable Lookup get(PagedState state, byte[] key, @Nullable Reads reads)
            throws RocksDBException {
        if (!state.overlaid()) {
            return null;
        }
        byte[] overlayKey = key(state, key);
        readers.incrementAndGet();
        try {
            for (Generation generation : generations) {
                byte[] tagged =
                        reads == null
                                ? db.get(generation.family(), overlayKey)
                                : db.get(generation.family(), reads.options(), overlayKey);
                if (tagged != null) {
                    return row(tagged);
                }
            }
            return null;
        } finally {
            readers.decrementAndGet();
        }
    }

    void put(PagedState state, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        written(state, key, value.length);
        db.put(family(), options, key(state, key), tagged(value));
    }

    void remove(PagedState state, WriteOptions options, byte[] key) throws RocksDBException {
        written(state, key, 0);
        db.put(family(), options, key(state, key), REMOVED);
    }

    void put(WriteBatch batch, PagedState state, byte[] key, byte[] value) throws RocksDBException {
        written(state, key, value.length);
        batch.put(family(), key(state, key), tagged(value));
    }

    void remove(WriteBatch batch, PagedState state, byte[] key) throws RocksDBException {
        written(state, key, 0);
        batch.put(family(), key(state, key), REMOVED);
    }

    private void written(PagedState state, byte[] key, int valueBytes) {
        state.markOverlaid();
        state.hotRows().remove(key); // it would answer again when this generation is gone
        bytes += PREFIX_BYTES + key.length + 1 + valueBytes;
    }

    /**
     * A range of the overlay as it is now, or as the snapshot to read from sees it; the caller
     * closes it.
     */
    Rows rows(PagedState state, Reads reads, Bounds bounds) {
        Rows rows = new Rows(state, within(state, reads, bounds));
        readers.incrementAndGet();
        try {
            for (Generation generation : generations) {
                rows.add(generation.family(), db);
            }
            return rows;
        } catch (Throwable t) {
            rows.close();
            throw t;
        } finally {
            readers.decrementAndGet();
        }
    }

    /** A range of a state's rows, or all; it ends before another state's. */
    private static Reads within(PagedState state, Reads reads, Bounds bounds) {
        byte[] lower = bounds.lower();
        byte[] upper = bounds.upper();
        return reads.within(
                lower == null ? prefix(state.id()) : key(state, lower),
                upper == null ? prefix(state.id() + 1) : key(state, upper));
    }

    /** The rows of one state, from one moment on. */
    static final class Rows implements AutoCloseable {
        private final PagedState state;
        private final Reads reads;
        private final List<RocksIterator> newestFirst = new ArrayList<>();

        /**
         * @param reads within the state's rows; closed with this
         */
        private Rows(PagedState state, Reads reads) {
            this.state = state;
            this.reads = reads;
        }

        private void add(ColumnFamilyHandle older, RocksDB db) {
            newestFirst.add(db.newIterator(older, reads.options()));
        }

        /** Cursors that count before all others, the newest first; they share the iterators. */
        List<OverlayCursor> cursors() {
            return newestFirst.stream().map(rows -> new OverlayCursor(state, rows)).toList();
        }

        void check() throws RocksDBException {
            for (RocksIterator rows : newestFirst) {
                rows.status();
            }
        }

        @Override
        public void close() {
            newestFirst.forEach(RocksIterator::close);
            reads.close();
        }
    }

    // ------------------------------------------------------------------ ranges

    /** Copies a range's rows to the state's main column family, where its other rows now are. */
    void copy(PagedState state, byte[] lower, byte @Nullable [] upper, Reads now)
            throws RocksDBException {
        if (!state.overlaid()) {
            return;
        }
        try (Rows overlaid = rows(state, now, new Bounds(lower, upper));
                WriteBatch batch = new WriteBatch()) {
            MergeCursor rows = new MergeCursor(overlaid.cursors(), lower, upper, true);
            for (rows.seekToFirst(); rows.valid(); rows.next()) {
                if (rows.isRemoval()) {
                    batch.delete(state.handle(), rows.key());
                } else {
                    batch.put(state.handle(), rows.key(), rows.value());
                }
                writeIfFull(batch);
            }
            db.write(writeOptions, batch);
        }
    }

    /** Forgets a range's rows, which are elsewhere now. */
    void forget(PagedState state, byte[] lower, byte @Nullable [] upper, Reads now)
            throws RocksDBException {
        if (!state.overlaid()) {
            return;
        }
        for (Generation generation : generations) {
            try (Reads range = within(state, now, new Bounds(lower, upper));
                    RocksIterator iterator = db.newIterator(generation.family(), range.options());
                    WriteBatch batch = new WriteBatch()) {
                OverlayCursor rows = new OverlayCursor(state, iterator);
                for (rows.seek(lower);
                        rows.valid() && (upper == null || before(rows.key(), upper));
                        rows.next()) {
                    batch.delete(generation.family(), key(state, rows.key()));
                    writeIfFull(batch);
                }
                db.write(writeOptions, batch);
            }
        }
    }

    private void writeIfFull(WriteBatch batch) throws RocksDBException {
        if (batch.count() >= ROWS_A_BATCH) {
            db.write(writeOptions, batch);
            batch.clear();
        }
    }

    /** Forgets all rows of a state that was dropped. */
    void drop(PagedState state) throws RocksDBException {
        if (state.overlaid()) {
            for (Generation generation : generations) {
                RangeRemoval.run(
                        db,
                        generation.family(),
                        writeOptions,
                        prefix(state.id()),
                        prefix(state.id() + 1));
            }
        }
    }

    // ------------------------------------------------------------------ generations

    /** A generation that is smaller goes on. */
    void setGenerationBytes(long bytes) {
        generationBytes = bytes;
    }

    /**
     * Lets what is written from now on be given back on its own, unless that is little, or there
     * are too many.
     *
     * @param interval of changes that just ended
     */
    void rotate(long interval) throws RocksDBException {
        List<Generation> all = generations;
        if (bytes < generationBytes || all.size() >= MOST_GENERATIONS) {
            return;
        }
        ColumnFamilyHandle next = empty.poll();
        if (next != null) {
            Compactions.setAutomatic(db, next, true);
        } else if (families < MOST_FAMILIES) {
            next = create();
        } else {
            return; // until one is empty
        }
        Generation ended = new Generation(family(), interval);
        List<Generation> more = new ArrayList<>();
        more.add(new Generation(next, Long.MAX_VALUE));
        more.add(ended);
        more.addAll(all.subList(1, all.size()));
        generations = List.copyOf(more);
        bytes = 0;
        // Few files, that change no more: to compact them would only use disk.
        Compactions.setAutomatic(db, ended.family(), false);
        Compactions.startFlush(db, ended.family()); // gives its memory to the new one
    }

    /**
     * Whether the oldest generation can be dropped: all its rows are older than an interval.
     *
     * @param savedInterval changes up to the end of this interval are in the runs
     */
    boolean canDropOldest(long savedInterval) {
        return oldest().lastInterval() <= savedInterval;
    }

    /**
     * Gives back the oldest generation, which can be dropped, unless another thread is in the
     * middle of a read. Its space is in use until {@link #reclaim}.
     *
     * <p>The caller sees to it that there is no view, and that no extent needs its rows.
     *
     * @return whether it was given back
     */
    boolean dropOldest() throws RocksDBException {
        List<Generation> all = generations;
        ColumnFamilyHandle family = oldest().family();
        generations = List.copyOf(all.subList(0, all.size() - 1));
        if (readers.get() > 0) {
            generations = all;
            return false;
        }
        RangeRemoval.run(db, family, writeOptions, prefix(0), prefix(-1));
        givenBack.add(family);
        return true;
    }

    private Generation oldest() {
        return generations.get(generations.size() - 1);
    }

    /**
     * Frees the space of what was given back. The caller sees to it that the database stays open.
     *
     * <p>Threads: one in the background. Cost: the rows are read once, and none is written.
     */
    void reclaim() throws RocksDBException {
        ColumnFamilyHandle family;
        while ((family = givenBack.peek()) != null) {
            Compactions.flush(db, family);
            Compactions.compact(db, family, null, null);
            givenBack.remove();
            empty.add(family);
        }
    }

    /** Whether there are as many generations as there may be. */
    boolean isFull() {
        return generations.size() >= MOST_GENERATIONS;
    }

    /** Bytes of files on the disk. Threads: any, while the database is open. */
    long fileBytes() throws RocksDBException {
        readers.incrementAndGet();
        try {
            long files = 0;
            for (Generation generation : generations) {
                files += db.getLongProperty(generation.family(), "rocksdb.total-sst-files-size");
            }
            return files;
        } finally {
            readers.decrementAndGet();
        }
    }

    void close() {
        generations.forEach(generation -> generation.family().close());
        givenBack.forEach(ColumnFamilyHandle::close);
        empty.forEach(ColumnFamilyHandle::close);
    }

    // ------------------------------------------------------------------ bytes

    static byte[] key(PagedState state, byte[] key) {
        byte[] overlayKey = new byte[PREFIX_BYTES + key.length];
        writePrefix(overlayKey, state.id());
        System.arraycopy(key, 0, overlayKey, PREFIX_BYTES, key.length);
        return overlayKey;
    }

    static boolean hasPrefix(byte[] overlayKey, PagedState state) {
        int id = 0;
        for (int i = 0; i < PREFIX_BYTES; i++) {
            id = (id << 8) | (overlayKey[i] & 0xff);
        }
        return id == state.id();
    }

    static Lookup row(byte[] tagged) {
        return tagged[0] == REMOVE
                ? Lookup.REMOVED
                : new Lookup(Arrays.copyOfRange(tagged, 1, tagged.length));
    }

    private static byte[] tagged(byte[] value) {
        byte[] tagged = new byte[1 + value.length];
        tagged[0] = PUT;
        System.arraycopy(value, 0, tagged, 1, value.length);
        return tagged;
    }

    private static byte[] prefix(int stateId) {
        byte[] prefix = new byte[PREFIX_BYTES];
        writePrefix(prefix, stateId);
        return prefix;
    }

    private static void writePrefix(byte[] target, int stateId) {
        for (int i = 0; i < PREFIX_BYTES; i++) {
            target[i] = (byte) (stateId >>> (8 * (PREFIX_BYTES - 1 - i)));
        }
    }

    private static boolean before(byte[] key, byte[] upper) {
        return Arrays.compareUnsigned(key, upper) < 0;
    }
}
