package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.Pressure;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.ExtentState.Phase;
import io.lazystate.run.RowBlock;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.MetricGroup;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An opened RocksDB that answers for cold extents too, under Flink's RocksDB backend.
 *
 * <p>Overrides the calls through which Flink reaches the database; every other one that could miss
 * a cold row or an unlogged write throws. Threads: the task thread, which is the one that builds
 * it, writes and makes linked extents resident, at its next call; others may read. Ownership: owns
 * the opened database. Errors: LazyStateException names state, object and remedy; after the first
 * one in an access of the task every access is refused, see {@link FirstFailure}.
 */
@Internal
public final class PagedRocksDB extends GuardedRocksDB {
    private static final Logger LOG = LoggerFactory.getLogger(PagedRocksDB.class);

    /** Heap bytes of one state's change log; what changes beyond is spilled. */
    private static final int CHANGE_LOG_CHUNK_BYTES = 4 << 20;

    private final RocksDB raw;
    private final PagingContext context;
    private final Thread taskThread = Thread.currentThread();
    private final StateRegistry states = new StateRegistry();
    private final Overlay overlay;
    private final RowReader reader;
    private final Linker linker;
    private final RowsAhead ahead;
    private final HotKeys hotKeys = new HotKeys();
    private final OutOfLine outOfLine;
    private final WriteOptions writeOptions = new WriteOptions().setDisableWAL(true);
    private final Reads now = Reads.now();
    private final Captures captures = new Captures();
    private final AtomicBoolean closed = new AtomicBoolean();
    private final CountDownLatch used = new CountDownLatch(1);
    private final Residency residency;
    private final Errands errands;
    private final RowMoves moves = new RowMoves();
    private final FirstFailure failure;
    private final Checkpoints checkpoints;
    private final LocalSpace space;
    private boolean unused = true;

    /**
     * @param opened taken over: closed with this one, and not to be used on its own
     * @throws RocksDBException if the overlay cannot be created; {@code opened} is then still the
     *     caller's
     */
    public PagedRocksDB(RocksDB opened, PagingContext context) throws RocksDBException {
        super(opened.getNativeHandle());
        this.raw = opened;
        this.context = context;
        this.overlay = new Overlay(opened, context.overlayOptions(), writeOptions);
        this.reader = new RowReader(this, opened, overlay, captures, context, now);
        this.outOfLine = new OutOfLine(opened, reader, overlay, hotKeys, context);
        Pins pins = new Pins(states);
        this.residency = new Residency(states, overlay, pins, moves, captures, context, now);
        this.errands = residency.errands();
        this.failure = new FirstFailure(context.failTask(), errands::stayDue);
        this.linker =
                new Linker(
                        opened,
                        states,
                        pins,
                        new StaleRows(opened, captures),
                        context,
                        residency::linked);
        this.space = new LocalSpace(opened, states, overlay, linker, residency, context.metrics());
        this.checkpoints = new Checkpoints(this, states, overlay, reader, hotKeys, residency);
        this.ahead =
                new RowsAhead(
                        reader,
                        states,
                        context.loader(),
                        new AtHandReader(context.loader(), context.metrics()));
    }

    // ------------------------------------------------------------------ column families

    @Override
    public ColumnFamilyHandle createColumnFamily(ColumnFamilyDescriptor descriptor)
            throws RocksDBException {
        try {
            settle();
            String name = new String(descriptor.getName(), StandardCharsets.UTF_8);
            ColumnFamilyHandle family = raw.createColumnFamily(descriptor);
            register(family, name);
            return family;
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    /**
     * Takes a column family of the opened database in; all its rows are resident, none is saved.
     */
    public void register(ColumnFamilyHandle family, String name) {
        states.add(family, name, new ChangeLog(context.directory(), CHANGE_LOG_CHUNK_BYTES));
    }

    /** Sets where the rows of a restored state lie: its extents are cold from now on. */
    public void restore(ColumnFamilyHandle family, StateLayout layout) {
        states.of(family).extents().restore(layout);
    }

    /**
     * Brings rows along that the runs hold too, so that reading them waits for no page, and so that
     * they are hot in the next checkpoint. Before the first access.
     *
     * @param rows of a restored state, as its runs have them
     */
    public void addHotRows(String name, RowBlock rows) {
        PagedState state = states.named(name);
        if (state != null && rows.size() > 0) {
            state.setHotRows(state.hotRows().with(rows));
            hotKeys.seed(state, rows);
            context.metrics().hotRowsLoaded().add(rows.size());
        }
    }

    @Override
    public void dropColumnFamily(ColumnFamilyHandle family) throws RocksDBException {
        try {
            settle();
            PagedState state = states.of(family);
            linker.drop(state);
            overlay.drop(state);
            state.close();
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    // ------------------------------------------------------------------ reads

    @Override
    public byte @Nullable [] get(ColumnFamilyHandle family, byte[] key) throws RocksDBException {
        try {
            use();
            PagedState state = states.of(family);
            if (Thread.currentThread() == taskThread && hotKeys.noteRead()) {
                outOfLine.sample(state, key);
            }
            while (true) {
                long stamp = moves.stamp();
                ExtentMap map = state.map();
                byte[] value =
                        map.allResident() ? raw.get(family, key) : outOfLine.get(state, map, key);
                if (moves.stayed(stamp)) {
                    return value;
                }
                Thread.onSpinWait();
            }
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public byte @Nullable [] get(ColumnFamilyHandle family, ReadOptions options, byte[] key)
            throws RocksDBException {
        Snapshot snapshot = options.snapshot();
        if (snapshot == null) {
            return get(family, key);
        }
        PagedState state = states.of(family);
        try (Reads reads = Reads.by(options)) {
            return reader.get(state, captures.mapOf(state, snapshot), key, reads);
        }
    }

    @Override
    public RocksIterator newIterator(ColumnFamilyHandle family) {
        return newIterator(family, now.options());
    }

    /** Within the options' bounds every row, whatever else they say: see {@link Reads}. */
    @Override
    public RocksIterator newIterator(ColumnFamilyHandle family, ReadOptions options) {
        Snapshot snapshot = options.snapshot();
        if (snapshot != null) {
            PagedState state = states.of(family);
            try (Reads reads = Reads.by(options)) { // the iterator has a copy
                return reader.iterator(state, captures.mapOf(state, snapshot), reads);
            }
        }
        try (Reads reads = Reads.by(options)) {
            settle();
            return new TaskIterator(this, iteratorNow(states.of(family), reads), failure);
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    private RocksIterator iteratorNow(PagedState state, Reads reads) {
        while (true) { // extent map and overlay have to be of one moment
            long stamp = moves.stamp();
            RocksIterator iterator = reader.iterator(state, state.map(), reads);
            if (moves.stayed(stamp)) {
                return iterator;
            }
            iterator.close();
            Thread.onSpinWait();
        }
    }

    /** Where rows are named that will be read soon. */
    public RowsAhead ahead() {
        return ahead;
    }

    /** Where rows are named that are wanted from the start. */
    public NamedRows namedRows() {
        return new NamedRows(
                reader,
                states,
                context.loader(),
                new AtHandReader(context.loader(), context.metrics()));
    }

    // ------------------------------------------------------------------ writes

    @Override
    public void put(ColumnFamilyHandle family, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        try {
            PagedState state = written(family, key);
            if (state.map().allResident()) {
                raw.put(family, options, key, value);
            } else {
                outOfLine.put(state, options, key, value);
            }
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void delete(ColumnFamilyHandle family, WriteOptions options, byte[] key)
            throws RocksDBException {
        try {
            PagedState state = written(family, key);
            if (state.map().allResident()) {
                raw.delete(family, options, key);
            } else {
                outOfLine.delete(state, options, key);
            }
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void merge(ColumnFamilyHandle family, WriteOptions options, byte[] key, byte[] operand)
            throws RocksDBException {
        try {
            use();
            space.holdBack();
            PagedState state = states.of(family);
            ExtentMap map = state.map();
            if (map.isResident(key)) {
                state.log(key);
                raw.merge(family, options, key, operand);
            } else {
                // First the read, which may fail: then nothing has changed, and nothing is logged.
                byte[] value = reader.get(state, map, key, null);
                state.log(key);
                context.metrics().coldWrites().increment();
                overlay.put(state, options, key, StringAppend.append(value, operand));
            }
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    /**
     * A whole batch is applied at once, whatever part of it goes to cold extents, and not at all if
     * a read for it fails.
     */
    @Override
    public void write(WriteOptions options, WriteBatch batch) throws RocksDBException {
        try {
            settle();
            if (batch.count() == 0) {
                return;
            }
            space.holdBack();
            byte[] data = batch.data();
            if (states.allResident()) {
                WriteBatchReader.read(data, new BatchLog(states));
                raw.write(options, batch);
                return;
            }
            try (WriteBatch rerouted = new WriteBatch(data.length)) {
                WriteBatchReader.read(
                        data,
                        new BatchRouter(
                                rerouted,
                                states,
                                overlay,
                                reader,
                                context.metrics(),
                                batch.hasMerge()));
                WriteBatchReader.read(data, new BatchLog(states));
                raw.write(options, rerouted);
            }
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    private PagedState written(ColumnFamilyHandle family, byte[] key) {
        use();
        space.holdBack();
        PagedState state = states.of(family);
        state.log(key);
        return state;
    }

    // ------------------------------------------------------------------ snapshots

    @Override
    public Snapshot getSnapshot() {
        try {
            settle();
            linker.tidy();
            Snapshot snapshot = raw.getSnapshot();
            captures.add(snapshot, states.all());
            return snapshot;
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void releaseSnapshot(Snapshot snapshot) {
        captures.remove(snapshot);
        raw.releaseSnapshot(snapshot);
    }

    /** Where checkpoints begin and end. */
    public Checkpoints checkpoints() {
        return checkpoints;
    }

    // ------------------------------------------------------------------ residency

    /** Where whole extents are handed in. */
    public Linker linker() {
        return linker;
    }

    /** Whether this database is too busy to be linked into. */
    public Pressure pressure() {
        return new WritePressure(raw, context.guard());
    }

    /** The cold extents of all states. */
    public List<ColdExtent> coldExtents() {
        return linker.coldExtents();
    }

    /**
     * Waits until the task has used a row, but not longer than this: work in the background would
     * only hold up a task that is still starting, and its neighbours.
     */
    public void awaitUse(long timeout, TimeUnit unit) throws InterruptedException {
        boolean expired = !used.await(timeout, unit);
        LOG.debug("The task {} its state", expired ? "has not used" : "uses");
    }

    private void use() {
        if (unused) {
            unused = false;
            context.metrics().recovery().firstRecord();
            used.countDown();
        }
        settle();
    }

    /**
     * Makes extents that were linked meanwhile resident, and does what it was asked to; nothing if
     * not in the task thread. Refuses if an access has failed.
     */
    public void settle() {
        if (errands.areDue()) {
            attend();
        }
    }

    private void attend() {
        failure.refuse();
        if (Thread.currentThread() == taskThread) {
            try {
                errands.run();
            } catch (Throwable t) {
                failure.note(t);
                throw t;
            }
        }
    }

    /**
     * Notes that an access of the task failed that has not come, or not whole, to this database.
     */
    public void accessFailed(Throwable cause) {
        failure.note(cause);
    }

    /** Has something done by the task thread at its next access. */
    public void atNextAccess(Runnable work) {
        errands.add(work);
    }

    /** The space it takes up on the local disk. */
    public LocalSpace localSpace() {
        return space;
    }

    /** Registers what this database counts. */
    public void registerMetrics(MetricGroup group) {
        context.metrics()
                .register(
                        group,
                        states::pages,
                        () -> states.baseBytes(of -> of.isLocal() || of.phase() == Phase.LINKED),
                        () -> states.baseBytes(of -> true));
    }

    @Override
    protected void requireResident(String method) {
        try {
            settle();
            if (!states.allResident() || !captures.allResident()) {
                throw new LazyStateException(
                        Kind.INTERNAL,
                        Where.NOWHERE,
                        "RocksDB."
                                + method
                                + " was called while extents are cold, now or in a snapshot, and does not"
                                + " see them; use get"
                                + " or newIterator with a column family",
                        null);
            }
        } catch (Throwable t) {
            failure.note(t);
            throw t;
        }
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            states.all().forEach(PagedState::close);
            linker.close();
            overlay.generations().close();
            now.close();
            writeOptions.close();
            raw.close();
            disOwnNativeHandle(); // raw was the owner
            context.overlayOptions().close();
        }
    }

    static Where where(PagedState state) {
        return Where.state(state.name());
    }
}
