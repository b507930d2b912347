package io.lazystate.paging;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteOptions;

/**
 * The column families of the overlay: one for the rows that were written from some time on.
 *
 * <p>What a checkpoint has is given back by the generation, without looking at a row. Column
 * families are emptied in the background and used again: RocksDB keeps what it ever logged of each
 * that was created, in memory and at the head of every log file. Threads: the task thread changes
 * them, any reads.
 */
final class OverlayGenerations {
    /** Each costs a local lookup for every read of a cold row. */
    static final int MOST = 4;

    /** Those that rows are read from, and those that are being emptied. */
    private static final int MOST_FAMILIES = 2 * MOST;

    /**
     * How no state's name begins: half of a surrogate pair, which the UTF-8 that Flink writes names
     * in does not have, and the modified UTF-8 that JNI reads them in does.
     */
    private static final byte[] NO_STATES_NAME = {(byte) 0xed, (byte) 0xa0, (byte) 0x80};

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
    private List<Generation> generations = List.of();

    /** Those of the generations. */
    private volatile List<ColumnFamilyHandle> families = List.of();

    private int made;
    private long bytes;
    private long generationBytes = Long.MAX_VALUE;

    /** Creates the first one. */
    OverlayGenerations(RocksDB db, ColumnFamilyOptions familyOptions, WriteOptions writeOptions)
            throws RocksDBException {
        this.db = db;
        this.familyOptions = familyOptions;
        this.writeOptions = writeOptions;
        become(List.of(new Generation(create(), Long.MAX_VALUE)));
    }

    private ColumnFamilyHandle create() throws RocksDBException {
        return db.createColumnFamily(new ColumnFamilyDescriptor(name(++made), familyOptions));
    }

    private static byte[] name(int number) {
        byte[] readable = ("lazystate_overlay_" + number).getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(NO_STATES_NAME.length + readable.length)
                .put(NO_STATES_NAME)
                .put(readable)
                .array();
    }

    /** Where rows are written to. */
    ColumnFamilyHandle newest() {
        return generations.get(0).family();
    }

    /** Notes that a row goes to the newest one. */
    void written(int rowBytes) {
        bytes += rowBytes;
    }

    /** The newest value of a key; null if there is none. Threads: any. */
    byte @Nullable [] find(byte[] overlayKey, @Nullable Reads reads) throws RocksDBException {
        readers.incrementAndGet();
        try {
            for (ColumnFamilyHandle family : families) {
                byte[] value =
                        reads == null
                                ? db.get(family, overlayKey)
                                : db.get(family, reads.options(), overlayKey);
                if (value != null) {
                    return value;
                }
            }
            return null;
        } finally {
            readers.decrementAndGet();
        }
    }

    /** Opens iterators over all of them, the newest first. Threads: any. */
    void open(Consumer<ColumnFamilyHandle> iterator) {
        readers.incrementAndGet();
        try {
            families.forEach(iterator);
        } finally {
            readers.decrementAndGet();
        }
    }

    /** All of them, the newest first. Threads: the task thread. */
    List<ColumnFamilyHandle> families() {
        return families;
    }

    private void become(List<Generation> newestFirst) {
        generations = List.copyOf(newestFirst);
        families = generations.stream().map(Generation::family).toList();
    }

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
        if (bytes < generationBytes || all.size() >= MOST) {
            return;
        }
        ColumnFamilyHandle next = empty.poll();
        if (next != null) {
            Compactions.setAutomatic(db, next, true);
        } else if (made < MOST_FAMILIES) {
            next = create();
        } else {
            return; // until one is empty
        }
        Generation ended = new Generation(newest(), interval);
        List<Generation> more = new ArrayList<>();
        more.add(new Generation(next, Long.MAX_VALUE));
        more.add(ended);
        more.addAll(all.subList(1, all.size()));
        become(more);
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
        become(all.subList(0, all.size() - 1));
        if (readers.get() > 0) {
            become(all);
            return false;
        }
        RangeRemoval.run(db, family, writeOptions, OverlayRow.prefix(0), OverlayRow.prefix(-1));
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
        return generations.size() >= MOST;
    }

    /** Bytes of files on the disk. Threads: any, while the database is open. */
    long fileBytes() throws RocksDBException {
        readers.incrementAndGet();
        try {
            long files = 0;
            for (ColumnFamilyHandle family : families) {
                files += db.getLongProperty(family, "rocksdb.total-sst-files-size");
            }
            return files;
        } finally {
            readers.decrementAndGet();
        }
    }

    void close() {
        families.forEach(ColumnFamilyHandle::close);
        givenBack.forEach(ColumnFamilyHandle::close);
        empty.forEach(ColumnFamilyHandle::close);
    }
}
