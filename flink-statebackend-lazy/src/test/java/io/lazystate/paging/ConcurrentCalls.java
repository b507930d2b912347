package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.Schedule;
import io.lazystate.Schedule.Actor;
import io.lazystate.ScheduledRocksDB;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.ByteRate;
import io.lazystate.loading.ColdExtent;
import io.lazystate.loading.HydrationPace;
import io.lazystate.loading.HydrationSettings;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.LoadExecutor;
import io.lazystate.loading.PageLoader;
import io.lazystate.loading.Pressure;
import io.lazystate.loading.Room;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.CheckpointsAside.Captured;
import io.lazystate.paging.LiveTable.Watch;
import io.lazystate.paging.Moments.Moment;
import io.lazystate.run.RowBlock;
import io.lazystate.run.RunFormat;
import io.lazystate.store.Backoff;
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.util.ResourceGuard;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksIterator;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * One database under the random calls of several threads, as a backend has them: the task's, those
 * that hydrate, one that gives space back and asks for evictions, one that writes checkpoints, and
 * one that reads rows for somebody else; and what each of them must see.
 */
final class ConcurrentCalls implements AutoCloseable {
    private static final String MERGE_OPERATOR = "stringappendtest"; // Flink's choice
    private static final int HYDRATORS = 2;

    /** Of so many steps, one holds those that link where they have looked, and not linked yet. */
    private static final int HOLD_OF = 60;

    private static final int LET_GO_OF = 30;
    private static final int MOST_RESTS = 20;
    private static final int KEPT = 40;
    private static final int CHECKPOINTS_AT_ONCE = 3;

    /** A snapshot and what each state held then. */
    private record Held(
            Snapshot snapshot,
            ReadOptions options,
            Map<LiveTable, NavigableMap<byte[], byte[]>> rows) {}

    private final Random random;
    private final Moments moments;
    private final Schedule schedule;
    private final RandomLayout layouts;
    private final ScheduledRocksDB raw;
    private final PagedRocksDB db;
    private final LoadingMetrics metrics = new LoadingMetrics();
    private final LoadExecutor executor;
    private final Path directory;
    private final ColumnFamilyOptions familyOptions =
            new ColumnFamilyOptions().setMergeOperatorName(MERGE_OPERATOR);
    private final WriteOptions options = new WriteOptions().setDisableWAL(true);
    private final List<LiveTable> tables = List.of(new LiveTable("a"), new LiveTable("b"));
    private final List<Held> held = new ArrayList<>();
    private final List<Captured> underWay = new ArrayList<>();
    private final CheckpointsAside checkpoints;
    private final AtomicInteger fetching = new AtomicInteger();
    private final List<Actor> hydrators = new ArrayList<>();
    private Captured newest;
    private long linkedBefore;
    private final Deque<String> log = new ArrayDeque<>();
    private int rests;
    private volatile boolean writes;

    ConcurrentCalls(long seed, Path directory, Moments moments) throws Exception {
        this.random = new Random(seed);
        this.moments = moments;
        this.directory = directory;
        this.layouts = new RandomLayout(random, directory);
        this.schedule = new Schedule(seed);
        this.executor =
                (cause, bytes, request) -> {
                    schedule.pause("before a request");
                    request.run();
                    schedule.pause("after a request");
                };
        PageLoader loader = loader(random.nextInt(3000), metrics);
        this.raw =
                new ScheduledRocksDB(
                        RocksDB.open(directory.resolve("db").toString()),
                        schedule,
                        seed,
                        random.nextBoolean() ? 6 : 0);
        this.db =
                new PagedRocksDB(
                        raw,
                        new PagingContext(
                                loader,
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions()));
        if (random.nextInt(4) > 0) {
            db.localSpace().trackWrites();
        }
        db.localSpace().setGenerationBytes(random.nextBoolean() ? 1 : 200);
        for (LiveTable table : tables) {
            restore(table);
        }
        this.rests = 8 << random.nextInt(8);
        this.checkpoints = new CheckpointsAside(schedule, random.nextLong(), directory);
        schedule.start("checkpoints", checkpoints::run);
        for (int i = 0; i < HYDRATORS; i++) {
            Random its = new Random(random.nextLong());
            hydrators.add(schedule.start("hydrator " + i, () -> hydrate(its)));
        }
        Random reclaiming = new Random(random.nextLong());
        schedule.start("reclaim", () -> reclaim(reclaiming));
        Random reading = new Random(random.nextLong());
        schedule.start("reader", () -> read(reading));
    }

    private PageLoader loader(long cacheBytes, LoadingMetrics counters) {
        return new PageLoader(OneCopy.of(new StateHandleReader()), executor, cacheBytes, counters);
    }

    private void restore(LiveTable table) throws Exception {
        ColumnFamilyHandle family =
                db.createColumnFamily(
                        new ColumnFamilyDescriptor(
                                table.name.getBytes(StandardCharsets.UTF_8), familyOptions));
        NavigableMap<byte[], byte[]> rows = RandomLayout.noRows();
        db.restore(family, layouts.draw(rows));
        NavigableMap<byte[], byte[]> hot = new TreeMap<>(rows);
        hot.keySet().removeIf(key -> random.nextBoolean());
        db.addHotRows(table.name, RowBlock.of(hot));
        table.restored(rows);
        table.family = family;
    }

    // ------------------------------------------------------------------ the task

    void step() throws Exception {
        schedule.check();
        schedule.pause("between steps");
        moments.hitIf(
                !underWay.isEmpty() && metrics.extentsLinked().sum() > linkedBefore,
                Moment.LINKED_DURING_CHECKPOINT);
        linkedBefore = metrics.extentsLinked().sum();
        if (random.nextInt(HOLD_OF) == 0) {
            schedule.hold(ScheduledRocksDB.BEFORE_INGEST);
        } else if (random.nextInt(LET_GO_OF) == 0) {
            schedule.letGo();
        }
        LiveTable table = anyTable();
        byte[] key = layouts.key();
        switch (random.nextInt(26)) {
            case 0, 1 -> put(table, key, layouts.value());
            case 2, 3 -> delete(table, key);
            case 4, 5 -> merge(table, key, layouts.value());
            case 6, 7 -> batch();
            case 8 -> removeRange(table);
            case 9, 10 -> iterate(table.family, new ReadOptions(), table.rows());
            case 11 -> snapshot();
            case 12, 13 -> readSnapshot();
            case 14, 15 -> capture();
            case 16, 17, 18, 19 -> endCheckpoint();
            case 20 -> evict();
            case 21, 22 -> seldom(table);
            default -> assertThat(db.get(table.family, key)).isEqualTo(table.rows().get(key));
        }
    }

    /** Task thread. */
    private void note(String step) {
        if (log.size() == KEPT) {
            log.remove();
        }
        log.add(step + hydrators.stream().map(each -> "; " + each).toList());
    }

    /** What the task did last, without its reads and single writes; and where the others were. */
    String log() {
        return String.join("\n", log);
    }

    private LiveTable anyTable() {
        return tables.get(random.nextInt(tables.size()));
    }

    private interface Write {
        void make() throws Exception;
    }

    private void change(LiveTable table, Map<byte[], byte[]> change, Write write) throws Exception {
        table.begin(change);
        writes = true;
        write.make();
        writes = false;
        table.end();
    }

    private static NavigableMap<byte[], byte[]> row(byte[] key, byte[] value) {
        NavigableMap<byte[], byte[]> row = RandomLayout.noRows();
        row.put(key, value);
        return row;
    }

    private void put(LiveTable table, byte[] key, byte[] value) throws Exception {
        change(table, row(key, value), () -> db.put(table.family, options, key, value));
    }

    private void delete(LiveTable table, byte[] key) throws Exception {
        change(table, row(key, null), () -> db.delete(table.family, options, key));
    }

    private void merge(LiveTable table, byte[] key, byte[] operand) throws Exception {
        byte[] value = StringAppend.append(table.rows().get(key), operand);
        change(table, row(key, value), () -> db.merge(table.family, options, key, operand));
    }

    /** Several changes of the same keys, of both states, at once. */
    private void batch() throws Exception {
        LiveTable one = tables.get(0);
        LiveTable other = tables.get(1);
        try (WriteBatch batch = new WriteBatch()) {
            NavigableMap<byte[], byte[]> changes = fill(batch, one);
            NavigableMap<byte[], byte[]> others = fill(batch, other);
            change(one, changes, () -> change(other, others, () -> db.write(options, batch)));
        }
    }

    private NavigableMap<byte[], byte[]> fill(WriteBatch batch, LiveTable table) throws Exception {
        NavigableMap<byte[], byte[]> changes = RandomLayout.noRows();
        for (int i = random.nextInt(7); i > 0; i--) {
            byte[] key = layouts.key();
            byte[] value = layouts.value();
            switch (random.nextInt(3)) {
                case 0 -> {
                    batch.put(table.family, key, value);
                    changes.put(key, value);
                }
                case 1 -> {
                    batch.delete(table.family, key);
                    changes.put(key, null);
                }
                default -> {
                    batch.merge(table.family, key, value);
                    byte[] old =
                            changes.containsKey(key) ? changes.get(key) : table.rows().get(key);
                    changes.put(key, StringAppend.append(old, value));
                }
            }
        }
        return changes;
    }

    /** All rows of some cold extent go, so that a checkpoint finds it empty. */
    private void removeRange(LiveTable table) throws Exception {
        List<ColdExtent> cold = new ArrayList<>(db.coldExtents());
        cold.removeIf(extent -> !extent.state().equals(table.name));
        if (!cold.isEmpty()) {
            ColdExtent emptied = cold.get(random.nextInt(cold.size()));
            byte[] lower = emptied.extent().lower();
            byte[] upper = emptied.extent().upper();
            note("remove all of " + HexFormat.of().formatHex(lower) + " in " + table.name);
            for (byte[] key :
                    List.copyOf(RandomLayout.range(table.rows(), lower, upper).keySet())) {
                delete(table, key);
            }
            capture();
        }
    }

    private void iterate(
            ColumnFamilyHandle family, ReadOptions readOptions, NavigableMap<byte[], byte[]> rows) {
        byte[] from = random.nextInt(4) == 0 ? new byte[0] : layouts.key();
        try (RocksIterator found = db.newIterator(family, readOptions)) {
            found.seek(from);
            int left = random.nextInt(3) == 0 ? Integer.MAX_VALUE : random.nextInt(5);
            for (Map.Entry<byte[], byte[]> row : rows.tailMap(from, true).entrySet()) {
                if (left-- == 0) {
                    return;
                }
                assertThat(found.isValid()).isTrue();
                assertThat(found.key()).isEqualTo(row.getKey());
                assertThat(found.value()).isEqualTo(row.getValue());
                schedule.pause("in an iterator");
                found.next();
            }
            assertThat(found.isValid()).isFalse();
        }
    }

    private void snapshot() {
        Map<LiveTable, NavigableMap<byte[], byte[]>> rows = new HashMap<>();
        tables.forEach(table -> rows.put(table, table.copy()));
        Snapshot snapshot = db.getSnapshot();
        held.add(new Held(snapshot, new ReadOptions().setSnapshot(snapshot), rows));
        if (held.size() > random.nextInt(3)) {
            release(held.remove(random.nextInt(held.size())));
        }
    }

    private void release(Held old) {
        old.options().close();
        db.releaseSnapshot(old.snapshot());
        old.snapshot().close();
    }

    private void readSnapshot() throws Exception {
        if (held.isEmpty()) {
            return;
        }
        Held view = held.get(random.nextInt(held.size()));
        LiveTable table = anyTable();
        NavigableMap<byte[], byte[]> rows = view.rows().get(table);
        byte[] key = layouts.key();
        assertThat(db.get(table.family, view.options(), key)).isEqualTo(rows.get(key));
        iterate(table.family, view.options(), rows);
    }

    private void evict() {
        List<Evictable> victims = new ArrayList<>(db.localSpace().evictable(state -> true));
        victims.removeIf(victim -> random.nextInt(3) == 0);
        evict(victims);
        if (random.nextInt(8) == 0) {
            db.localSpace().recall(anyTable().name);
        }
    }

    /** In the task thread. */
    private void evict(List<Evictable> victims) {
        long before = metrics.evictions().sum();
        moments.hitIf(fetching.get() > 0 && !victims.isEmpty(), Moment.EVICTION_ASKED_DURING_FETCH);
        db.localSpace().evict(victims);
        note("evict " + victims.size());
        boolean evicted = metrics.evictions().sum() > before;
        moments.hitIf(evicted, Moment.EVICTED);
        moments.hitIf(evicted && !underWay.isEmpty(), Moment.EVICTED_DURING_CHECKPOINT);
    }

    private void seldom(LiveTable table) throws Exception {
        switch (random.nextInt(8)) {
            case 0, 1, 3 -> dropAndRestore(table);
            case 4 -> db.compactRange(table.family);
            case 2 -> db.localSpace().shrinkOverlay(Double.MAX_VALUE);
            default -> checkAll();
        }
    }

    private void dropAndRestore(LiveTable table) throws Exception {
        if (!underWay.isEmpty()) {
            return;
        }
        held.forEach(this::release);
        held.clear();
        schedule.hold(ScheduledRocksDB.BEFORE_INGEST);
        for (int i = 0; i < MOST_RESTS && fetching.get() > 0 && !isLinking(); i++) {
            schedule.rest("before a drop", 10);
        }
        ColumnFamilyHandle dropped = table.family;
        table.family = null;
        while (table.isWatched()) {
            schedule.rest("before a drop", 10);
            schedule.check();
        }
        moments.hitIf(isLinking(), Moment.STATE_DROPPED_DURING_LINK);
        note("drop and restore " + table.name);
        db.dropColumnFamily(dropped);
        dropped.close();
        schedule.letGo();
        restore(table);
    }

    private boolean isLinking() {
        return hydrators.stream().anyMatch(actor -> actor.isAt(ScheduledRocksDB.BEFORE_INGEST));
    }

    void checkAll() throws Exception {
        for (LiveTable table : tables) {
            try (RocksIterator found = db.newIterator(table.family)) {
                found.seekToFirst();
                for (Map.Entry<byte[], byte[]> row : table.rows().entrySet()) {
                    assertThat(found.isValid()).isTrue();
                    assertThat(found.key()).isEqualTo(row.getKey());
                    assertThat(found.value()).isEqualTo(row.getValue());
                    if (random.nextInt(8) == 0) {
                        assertThat(db.get(table.family, row.getKey())).isEqualTo(row.getValue());
                    }
                    found.next();
                }
                assertThat(found.isValid()).as("a row that nobody wrote").isFalse();
            }
        }
    }

    // ------------------------------------------------------------------ checkpoints

    private void capture() {
        if (underWay.size() < CHECKPOINTS_AT_ONCE) {
            note("capture");
            Captured captured = new Captured(db.checkpoints().capture(), tables);
            underWay.add(captured);
            newest = captured;
            checkpoints.write(captured);
            moments.hitIf(underWay.size() > 1, Moment.CHECKPOINTS_AT_ONCE);
        }
    }

    /** Goes on from a checkpoint that is written, or gives one up. */
    private void endCheckpoint() {
        if (underWay.isEmpty()) {
            return;
        }
        Captured checkpoint = underWay.get(random.nextInt(underWay.size()));
        if (!checkpoint.isOver()) {
            if (random.nextInt(8) == 0) {
                checkpoint.giveUp();
                moments.hitIf(true, Moment.CHECKPOINT_GIVEN_UP);
            }
            return;
        }
        underWay.remove(checkpoint);
        if (checkpoint.written() != null && checkpoint == newest && random.nextInt(4) > 0) {
            adopt(checkpoint);
        }
    }

    private void adopt(Captured checkpoint) {
        Map<StateView, StateLayout> written = checkpoint.written();
        boolean empties =
                written.values().stream()
                        .flatMap(layout -> layout.extents().stream())
                        .anyMatch(extent -> extent.runs() == 0);
        moments.hitIf(isLinking(), Moment.ADOPTED_DURING_LINK);
        moments.hitIf(isLinking() && empties, Moment.EMPTIED_DURING_LINK);
        note("adopt");
        db.checkpoints().adopt(checkpoint.view, written);
        tables.forEach(table -> table.saved(checkpoint.rows(table)));
    }

    // ------------------------------------------------------------------ other threads

    private void hydrate(Random its) {
        Hydrator hydrator = hydrator();
        while (!schedule.isStopping()) {
            schedule.rest("between hydrations", 1 + its.nextInt(rests));
            fetching.incrementAndGet();
            try {
                hydrate(hydrator, its);
            } catch (LazyStateException e) {
                // Refused by the test, or a view still reads what was evicted.
                assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.UNAVAILABLE);
            } finally {
                fetching.decrementAndGet();
            }
        }
    }

    private void hydrate(Hydrator hydrator, Random its) {
        AtomicInteger left = new AtomicInteger(1 + its.nextInt(3));
        switch (its.nextInt(4)) {
            case 0 -> hydrator.run();
            case 1 -> hydrator.run(extent -> its.nextInt(3) == 0);
            case 2 -> hydrator.preload(state -> true, Duration.ofDays(1));
            default -> hydrator.hydrate(state -> true, () -> left.getAndDecrement() > 0);
        }
    }

    private Hydrator hydrator() {
        return new Hydrator(
                "fuzz",
                db.linker(),
                loader(0, new LoadingMetrics()), // its own: it does not wait for the task's reads
                executor,
                new HydrationSettings(RunFormat.ofPages(64), directory, 1, List.of(), 1 << 10, 0),
                new HydrationPace(
                        System::nanoTime,
                        millis -> schedule.rest("a hydrator waits", 50),
                        new Backoff(0, 0, () -> 0),
                        new ByteRate(System::nanoTime),
                        Pressure.NONE),
                Room.ENDLESS);
    }

    /** What the threads of a tier keeper do. */
    private void reclaim(Random its) {
        while (!schedule.isStopping()) {
            schedule.rest("between reclaims", 1 + its.nextInt(100));
            switch (its.nextInt(6)) {
                case 0, 1 -> db.localSpace().reclaim();
                case 2 -> db.localSpace().bytes();
                case 3 -> db.coldExtents().forEach(cold -> db.localSpace().isStale(cold));
                case 4 -> askToEvict(its.nextInt(3));
                default -> askToShrink();
            }
        }
    }

    private void askToEvict(int keptOf) {
        Random its = new Random(keptOf);
        db.atNextAccess(
                () -> {
                    List<Evictable> victims =
                            new ArrayList<>(db.localSpace().evictable(state -> true));
                    victims.removeIf(victim -> keptOf > 0 && its.nextInt(1 + keptOf) == 0);
                    evict(victims);
                });
    }

    private void askToShrink() {
        db.atNextAccess(
                () -> {
                    long before = metrics.overlayDrops().sum();
                    db.localSpace().shrinkOverlay(Double.MAX_VALUE);
                    moments.hitIf(metrics.overlayDrops().sum() > before, Moment.SPACE_GIVEN_BACK);
                });
    }

    /** Reads rows as queryable state does. */
    private void read(Random its) throws Exception {
        RandomLayout keys = new RandomLayout(its, directory);
        while (!schedule.isStopping()) {
            schedule.rest("between reads", 1 + its.nextInt(40));
            LiveTable table = tables.get(its.nextInt(tables.size()));
            byte[] key = keys.key();
            try (Watch watch = table.watch(key)) {
                ColumnFamilyHandle family = table.family;
                if (family != null) {
                    boolean written = writes;
                    byte[] value = db.get(family, key);
                    moments.hitIf(written || writes, Moment.READ_BY_OTHERS_DURING_WRITE);
                    assertThat(watch.allows(value)).as("a row that was there").isTrue();
                }
            }
        }
    }

    // ------------------------------------------------------------------ the end

    /** All is there, wherever it comes to lie. */
    void end() throws Exception {
        checkAll();
        schedule.letGo();
        schedule.stop();
        raw.refuseNothing();
        held.forEach(this::release);
        held.clear();
        for (Captured checkpoint : underWay) {
            checkpoint.view.close();
        }
        underWay.clear();
        checkAll();
        hydrator().hydrate(state -> true, () -> true);
        db.settle();
        assertThat(db.coldExtents()).isEmpty();
        checkAll();
        db.localSpace().evict(db.localSpace().evictable(state -> true));
        checkAll();
        db.localSpace().reclaim();
        hydrator().hydrate(state -> true, () -> true);
        checkAll();
        moments.hitIf(raw.refused() > 0, Moment.LINK_REFUSED);
        moments.hitIf(raw.secondsRefused() > 0, Moment.SECOND_FILE_REFUSED);
        moments.hitIf(raw.purgedUnderSnapshots() > 0, Moment.PURGE_UNDER_SNAPSHOT);
    }

    @Override
    public void close() {
        schedule.close();
        held.forEach(this::release);
        underWay.forEach(checkpoint -> checkpoint.view.close());
        for (LiveTable table : tables) {
            if (table.family != null) {
                table.family.close();
            }
        }
        db.close();
        options.close();
        familyOptions.close();
        raw.checkNothingIsOpen();
    }
}
