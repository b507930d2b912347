package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.ByteRate;
import io.lazystate.loading.HydrationPace;
import io.lazystate.loading.HydrationSettings;
import io.lazystate.loading.Hydrator;
import io.lazystate.loading.PageLoader;
import io.lazystate.loading.Pressure;
import io.lazystate.loading.Room;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.RowBlock;
import io.lazystate.run.RunFormat;
import io.lazystate.store.Backoff;
import io.lazystate.store.OneCopy;
import io.lazystate.store.StateHandleReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.util.ResourceGuard;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksIterator;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/** One database under random calls, and what it must show. */
final class PagedCalls implements AutoCloseable {
    private static final String MERGE_OPERATOR = "stringappendtest"; // Flink's choice

    /** A state under test and what it holds. */
    private static final class Table {
        final String name;
        ColumnFamilyHandle family;
        NavigableMap<byte[], byte[]> rows;
        NavigableSet<byte[]> changed = new TreeSet<>(Arrays::compareUnsigned);

        Table(String name) {
            this.name = name;
        }
    }

    /** A snapshot and what each state held then. */
    private record Held(
            Snapshot snapshot,
            ReadOptions options,
            Map<Table, NavigableMap<byte[], byte[]>> rows) {}

    /** A capture, what each state held then, and what had changed since the last adoption. */
    private record Captured(
            SnapshotView view,
            Map<String, NavigableMap<byte[], byte[]>> rows,
            Map<String, NavigableMap<byte[], byte[]>> changes) {}

    private final Random random;

    /** Another one: without evictions, the calls of a seed stay what they were. */
    private final Random evictions;

    /** What iterators are asked for beside where they start: as above. */
    private final Random reads;

    private final RandomLayout bounds;

    private final boolean evicts;
    private final RandomLayout layouts;
    private final PagedRocksDB db;
    private final Hydrator hydrator;
    private final ColumnFamilyOptions familyOptions =
            new ColumnFamilyOptions().setMergeOperatorName(MERGE_OPERATOR);
    private final BloomFilter filter = new BloomFilter(10);
    private final WriteOptions options = new WriteOptions().setDisableWAL(true);
    private final List<Table> tables = List.of(new Table("a"), new Table("b"));
    private final List<Held> held = new ArrayList<>();
    private Captured captured;

    /**
     * @param evicts whether resident extents become cold again
     */
    PagedCalls(long seed, Path directory, boolean evicts) throws Exception {
        this.random = new Random(seed);
        this.evictions = new Random(seed);
        this.reads = new Random(seed);
        this.bounds = new RandomLayout(reads, directory);
        prefixes();
        this.evicts = evicts;
        this.layouts = new RandomLayout(random, directory);
        LoadingMetrics metrics = new LoadingMetrics();
        PageLoader loader =
                new PageLoader(
                        OneCopy.of(new StateHandleReader()),
                        (cause, bytes, request) -> request.run(),
                        random.nextInt(3000),
                        metrics);
        this.db =
                new PagedRocksDB(
                        RocksDB.open(directory.resolve("db").toString()),
                        new PagingContext(
                                loader,
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions()));
        this.hydrator =
                new Hydrator(
                        "fuzz",
                        db.linker(),
                        loader,
                        (cause, bytes, request) -> request.run(),
                        new HydrationSettings(
                                RunFormat.ofPages(64), directory, 1, List.of(), 1 << 10, 0),
                        new HydrationPace(
                                System::nanoTime,
                                Thread::sleep,
                                new Backoff(0, 0, () -> 0),
                                new ByteRate(System::nanoTime),
                                Pressure.NONE),
                        Room.ENDLESS);
        if (evicts) {
            db.localSpace().trackWrites();
            db.localSpace().setGenerationBytes(1);
        }
        for (Table table : tables) {
            restore(table);
        }
    }

    /** Most users have none. */
    private void prefixes() {
        if (reads.nextBoolean()) {
            familyOptions
                    .useCappedPrefixExtractor(1 + reads.nextInt(3))
                    .setMemtablePrefixBloomSizeRatio(0.1)
                    .setTableFormatConfig(
                            new BlockBasedTableConfig()
                                    .setFilterPolicy(filter)
                                    .setWholeKeyFiltering(reads.nextBoolean()));
        }
    }

    private void restore(Table table) throws Exception {
        table.family =
                db.createColumnFamily(
                        new ColumnFamilyDescriptor(
                                table.name.getBytes(StandardCharsets.UTF_8), familyOptions));
        table.rows = RandomLayout.noRows();
        table.changed.clear();
        db.restore(table.family, layouts.draw(table.rows));
        if (evicts) {
            NavigableMap<byte[], byte[]> hot = new TreeMap<>(table.rows);
            hot.keySet().removeIf(key -> evictions.nextBoolean());
            db.addHotRows(table.name, RowBlock.of(hot));
        }
    }

    void step() throws Exception {
        if (evicts && evictions.nextInt(6) == 0) {
            evict();
        } else if (evicts && evictions.nextInt(12) == 0) {
            reclaim();
        }
        Table table = tables.get(random.nextInt(tables.size()));
        byte[] key = layouts.key();
        switch (random.nextInt(20)) {
            case 0, 1, 2 -> {
                byte[] value = layouts.value();
                db.put(table.family, options, key, value);
                note(table, key, value);
            }
            case 3, 4 -> {
                db.delete(table.family, options, key);
                note(table, key, null);
            }
            case 5, 6 -> {
                byte[] operand = layouts.value();
                db.merge(table.family, options, key, operand);
                note(table, key, StringAppend.append(table.rows.get(key), operand));
            }
            case 7, 8 -> batch();
            case 9, 10 -> iterate(table.family, new ReadOptions(), table.rows);
            case 11 -> link();
            case 12 -> snapshot();
            case 13, 14 -> readSnapshot();
            case 15 -> capture();
            case 16 -> checkpoint();
            case 17 -> seldom(table);
            default -> assertThat(db.get(table.family, key)).isEqualTo(table.rows.get(key));
        }
    }

    private static void note(Table table, byte[] key, byte[] value) {
        table.changed.add(key);
        if (value == null) {
            table.rows.remove(key);
        } else {
            table.rows.put(key, value);
        }
    }

    /** Several changes of the same keys, of both states, at once. */
    private void batch() throws Exception {
        try (WriteBatch batch = new WriteBatch()) {
            for (int i = random.nextInt(12); i > 0; i--) {
                Table table = tables.get(random.nextInt(tables.size()));
                byte[] key = layouts.key();
                byte[] value = layouts.value();
                switch (random.nextInt(3)) {
                    case 0 -> {
                        batch.put(table.family, key, value);
                        note(table, key, value);
                    }
                    case 1 -> {
                        batch.delete(table.family, key);
                        note(table, key, null);
                    }
                    default -> {
                        batch.merge(table.family, key, value);
                        note(table, key, StringAppend.append(table.rows.get(key), value));
                    }
                }
            }
            db.write(options, batch);
        }
    }

    private void iterate(
            ColumnFamilyHandle family, ReadOptions readOptions, NavigableMap<byte[], byte[]> rows) {
        byte[] from = random.nextInt(4) == 0 ? new byte[0] : layouts.key();
        try (RandomReads asked = new RandomReads(reads, bounds::key, readOptions);
                RocksIterator found = db.newIterator(family, asked.options())) {
            found.seek(from);
            int left = random.nextInt(3) == 0 ? Integer.MAX_VALUE : random.nextInt(5);
            for (Map.Entry<byte[], byte[]> row : asked.rowsFrom(from, rows).entrySet()) {
                if (left-- == 0) {
                    return;
                }
                assertThat(found.isValid()).isTrue();
                assertThat(found.key()).isEqualTo(row.getKey());
                assertThat(found.value()).isEqualTo(row.getValue());
                found.next();
            }
            assertThat(found.isValid()).isFalse();
        }
    }

    private void link() {
        db.settle();
        AtomicInteger left = new AtomicInteger(1 + random.nextInt(3));
        try {
            hydrator.hydrate(state -> true, () -> left.getAndDecrement() > 0);
        } catch (LazyStateException e) {
            // A view still reads what was evicted.
            assertThat(evicts && !(held.isEmpty() && captured == null)).isTrue();
            assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        }
    }

    private void evict() {
        db.settle();
        List<Evictable> victims = new ArrayList<>(db.localSpace().evictable(state -> true));
        victims.removeIf(victim -> evictions.nextInt(3) == 0);
        db.localSpace().evict(victims);
        if (evictions.nextInt(8) == 0) {
            db.localSpace().recall(tables.get(evictions.nextInt(tables.size())).name);
        }
    }

    private void reclaim() {
        if (evictions.nextBoolean()) {
            db.localSpace().reclaim();
        }
        if (evictions.nextBoolean()) {
            db.atNextAccess(() -> db.localSpace().shrinkOverlay(Double.MAX_VALUE));
        }
    }

    private void snapshot() {
        Map<Table, NavigableMap<byte[], byte[]>> rows = new HashMap<>();
        tables.forEach(table -> rows.put(table, new TreeMap<>(table.rows)));
        Snapshot snapshot = db.getSnapshot();
        held.add(new Held(snapshot, new ReadOptions().setSnapshot(snapshot), rows));
        if (held.size() > 3) {
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
        Table table = tables.get(random.nextInt(tables.size()));
        NavigableMap<byte[], byte[]> rows = view.rows().get(table);
        byte[] key = layouts.key();
        assertThat(db.get(table.family, view.options(), key)).isEqualTo(rows.get(key));
        iterate(table.family, view.options(), rows);
    }

    private void capture() {
        if (captured != null) {
            return;
        }
        Map<String, NavigableMap<byte[], byte[]>> rows = new HashMap<>();
        Map<String, NavigableMap<byte[], byte[]>> changes = new HashMap<>();
        for (Table table : tables) {
            NavigableMap<byte[], byte[]> changed = RandomLayout.noRows();
            table.changed.forEach(key -> changed.put(key, table.rows.get(key)));
            rows.put(table.name, new TreeMap<>(table.rows));
            changes.put(table.name, changed);
        }
        captured = new Captured(db.checkpoints().capture(), rows, changes);
    }

    /** Compares what was captured, and goes on from it, or gives it up. */
    private void checkpoint() throws Exception {
        if (captured == null) {
            return;
        }
        Map<StateView, StateLayout> written = new LinkedHashMap<>();
        for (StateView state : captured.view().states()) {
            NavigableMap<byte[], byte[]> rows = captured.rows().get(state.name());
            NavigableMap<byte[], byte[]> changes = captured.changes().get(state.name());
            checkChanges(state, changes);
            List<Extent> extents = new ArrayList<>();
            for (int i = 0; i < state.layout().extents().size(); i++) {
                Extent extent = state.layout().extents().get(i);
                boolean whole = state.isLocal(i) && extent.base() == null;
                int joined = evicts ? endOfLocal(state, i) : i + 1;
                if (joined > i + 1) {
                    byte[] end = state.layout().extents().get(joined - 1).upper();
                    extent = new Extent(extent.lower(), end, null, List.of());
                    whole = true;
                    i = joined - 1;
                }
                extents.addAll(layouts.checkpoint(extent, rows, changes, whole));
            }
            written.put(state, StateLayout.of(extents));
        }
        if (random.nextBoolean()) {
            db.checkpoints().adopt(captured.view(), written);
            for (Table table : tables) {
                NavigableMap<byte[], byte[]> saved = captured.rows().get(table.name);
                table.changed.removeIf(key -> Arrays.equals(saved.get(key), table.rows.get(key)));
            }
        }
        captured.view().close();
        captured = null;
    }

    /** The end of some extents that a checkpoint may join. */
    private int endOfLocal(StateView state, int from) {
        int end = from + 1;
        while (state.isLocal(from)
                && end < state.layout().extents().size()
                && state.isLocal(end)
                && evictions.nextInt(3) == 0) {
            end++;
        }
        return end;
    }

    private static void checkChanges(StateView state, NavigableMap<byte[], byte[]> changes)
            throws Exception {
        NavigableMap<byte[], byte[]> found = RandomLayout.noRows();
        try (ChangedKeys keys = ChangedKeys.merge(state.changes())) {
            while (keys.advance()) {
                found.put(keys.key(), state.changedValue(keys.key()));
            }
        }
        for (Map.Entry<byte[], byte[]> change : changes.entrySet()) {
            assertThat(found.containsKey(change.getKey())).isTrue();
            assertThat(found.get(change.getKey())).isEqualTo(change.getValue());
        }
    }

    private void seldom(Table table) throws Exception {
        if (random.nextInt(4) == 0 && held.isEmpty() && captured == null) {
            db.dropColumnFamily(table.family);
            table.family.close();
            restore(table);
        } else if (random.nextBoolean()) {
            db.compactRange(table.family);
        } else {
            checkAll();
        }
    }

    void checkAll() throws Exception {
        for (Table table : tables) {
            try (RocksIterator found = db.newIterator(table.family)) {
                found.seekToFirst();
                for (Map.Entry<byte[], byte[]> row : table.rows.entrySet()) {
                    assertThat(found.isValid()).isTrue();
                    assertThat(found.key()).isEqualTo(row.getKey());
                    assertThat(found.value()).isEqualTo(row.getValue());
                    assertThat(db.get(table.family, row.getKey())).isEqualTo(row.getValue());
                    found.next();
                }
                assertThat(found.isValid()).isFalse();
            }
        }
    }

    @Override
    public void close() {
        held.forEach(this::release);
        if (captured != null) {
            captured.view().close();
        }
        tables.forEach(table -> table.family.close());
        db.close();
        options.close();
        familyOptions.close();
        filter.close();
    }
}
