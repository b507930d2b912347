package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Run;
import io.lazystate.store.OneCopy;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StateHandleReader;
import io.lazystate.store.StoredObject;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/** Of the accesses of a task the first that fails is the last, whatever becomes of its error. */
class FirstFailureTest {
    /** What only gives back. */
    private static final Set<String> NEVER_REFUSED = Set.of("close", "releaseSnapshot");

    /** What waits for no page: the page table has the first key. */
    private static final Set<String> NEVER_FAIL = Set.of("isValid", "seekToFirst");

    static {
        RocksDB.loadLibrary();
    }

    @TempDir Path directory;

    private final ExecutorService executor = Executors.newCachedThreadPool();
    private final WriteOptions options = new WriteOptions().setDisableWAL(true);
    private final ReadOptions now = new ReadOptions();
    private final List<Throwable> told = new CopyOnWriteArrayList<>();
    private final List<ColumnFamilyHandle> families = new ArrayList<>();
    private volatile boolean storeFails;
    private BreakingRocksDB raw;
    private PagedRocksDB db;
    private ColumnFamilyHandle resident;
    private ColumnFamilyHandle cold;

    @BeforeEach
    void open() throws Exception {
        raw = new BreakingRocksDB(RocksDB.open(directory.resolve("db").toString()));
        LoadingMetrics metrics = new LoadingMetrics();
        db =
                new PagedRocksDB(
                        raw,
                        new PagingContext(
                                new PageLoader(
                                        OneCopy.of(new FailingStore()),
                                        (cause, bytes, request) -> executor.execute(request::run),
                                        0,
                                        metrics),
                                metrics,
                                new ResourceGuard(),
                                directory,
                                new ColumnFamilyOptions(),
                                told::add));
        resident = family("resident");
        cold = family("cold");
        db.put(resident, options, bytes("r"), bytes("here"));
        Run base = new HeapRuns(directory).write("base", "old", "a", "b", "c");
        db.restore(cold, StateLayout.of(List.of(new Extent(bytes(""), null, base, List.of()))));
    }

    private ColumnFamilyHandle family(String name) throws RocksDBException {
        families.add(
                db.createColumnFamily(
                        new ColumnFamilyDescriptor(
                                bytes(name),
                                new ColumnFamilyOptions()
                                        .setMergeOperatorName("stringappendtest"))));
        return families.get(families.size() - 1);
    }

    @AfterEach
    void close() {
        raw.broken = null;
        families.forEach(ColumnFamilyHandle::close);
        db.close();
        options.close();
        now.close();
        executor.shutdownNow();
    }

    /** The accesses that there are: a new one is tested as soon as it is there. */
    static Stream<Method> accesses() {
        return Arrays.stream(PagedRocksDB.class.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isBridge())
                .filter(FirstFailureTest::isOfRocksDB)
                .filter(method -> !NEVER_REFUSED.contains(method.getName()));
    }

    private static boolean isOfRocksDB(Method method) {
        try {
            RocksDB.class.getMethod(method.getName(), method.getParameterTypes());
            return true;
        } catch (NoSuchMethodException e) {
            return false;
        }
    }

    static Stream<Method> iteration() {
        return Stream.of(RocksIterator.class, RocksIterator.class.getSuperclass())
                .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
                .filter(method -> Modifier.isPublic(method.getModifiers()));
    }

    static Stream<Method> iterationThatMayFail() {
        return iteration().filter(method -> !NEVER_FAIL.contains(method.getName()));
    }

    @ParameterizedTest
    @MethodSource("accesses")
    void anAccessThatFailsIsTheLastOne(Method access) {
        raw.broken = new RocksDBException("the test breaks it");

        assertThat(call(db, access)).isNotNull();

        assertTheTaskHasFailed("the test breaks it");
    }

    @ParameterizedTest
    @MethodSource("accesses")
    void afterAFailureEveryAccessIsRefused(Method access) {
        failARead();

        assertRefused(call(db, access));
    }

    /** Not seeked yet, it can give no key; what it does not support is an error too. */
    @ParameterizedTest
    @MethodSource("iterationThatMayFail")
    void aStepOfAnIteratorThatFailsIsTheLastAccess(Method step) {
        raw.brokenStatus = new RocksDBException("the test breaks it");
        try (RocksIterator rows = db.newIterator(cold)) {
            storeFails = true;
            Throwable thrown = call(rows, step);

            assertThat(thrown).isNotNull();
            assertTheTaskHasFailed(thrown.getMessage());
        }
    }

    /** Of what is resident RocksDB itself tells with the status. */
    @Test
    void theStatusOfAResidentIteratorIsAnError() {
        raw.brokenStatus = new RocksDBException("the test breaks it");
        try (RocksIterator rows = db.newIterator(resident)) {
            assertThatThrownBy(rows::status).isSameAs(raw.brokenStatus);
        }
        assertTheTaskHasFailed("the test breaks it");
    }

    @ParameterizedTest
    @MethodSource("iteration")
    void afterAFailureEveryStepOfAnIteratorIsRefused(Method step) throws Exception {
        try (RocksIterator residentRows = db.newIterator(resident);
                RocksIterator coldRows = db.newIterator(cold)) {
            residentRows.seekToFirst();
            coldRows.seekToFirst();
            failARead();

            assertRefused(call(residentRows, step));
            assertRefused(call(coldRows, step));
        }
    }

    @ParameterizedTest
    @MethodSource("iteration")
    void anIteratorHasEveryStepOfRocksDBs(Method step) throws Exception {
        assertThat(
                        TaskIterator.class
                                .getMethod(step.getName(), step.getParameterTypes())
                                .getDeclaringClass())
                .isEqualTo(TaskIterator.class);
    }

    @Test
    void noCheckpointBeginsAndOneThatHadBegunIsWhole() throws Exception {
        db.put(cold, options, bytes("a"), bytes("new"));
        try (SnapshotView view = db.checkpoints().capture()) {
            failARead();
            storeFails = false;

            assertRefused(catchThrowable(() -> db.checkpoints().capture().close()));
            assertThat(view.states().get(1).changedValue(bytes("a"))).isEqualTo(bytes("new"));
            try (RocksIterator rows = view.states().get(1).rows()) {
                rows.seekToFirst();
                assertThat(rows.key()).isEqualTo(bytes("a"));
                rows.next();
                assertThat(rows.value()).isEqualTo(bytes("old b"));
            }
        }
    }

    /** The key is in the change log, but no row is in the overlay. */
    @Test
    void aWriteThatIsRefusedIsInNoCheckpoint() {
        raw.broken = new RocksDBException("No space left on device");
        assertThatThrownBy(() -> db.put(cold, options, bytes("a"), bytes("new")))
                .isSameAs(raw.broken);
        raw.broken = null;

        assertThatThrownBy(() -> db.checkpoints().capture().close())
                .isInstanceOf(LazyStateException.class)
                .hasStackTraceContaining("No space left on device");
    }

    @Test
    void anErrorOfTheVirtualMachineIsToldAsItIs() {
        OutOfMemoryError error = new OutOfMemoryError("the test says so");
        raw.broken = error;
        assertThatThrownBy(() -> db.get(resident, bytes("r"))).isSameAs(error);

        assertThat(told).containsExactly(error);
        assertTheTaskHasFailed("the test says so");
    }

    @Test
    void aMessageThatDoesNotGetThroughDoesNotHideTheError() {
        FirstFailure failure =
                new FirstFailure(
                        cause -> {
                            throw new IllegalStateException("nobody listens");
                        },
                        () -> {});
        RocksDBException error = new RocksDBException("the test breaks it");
        failure.note(error);

        assertThat(error).hasSuppressedException(new IllegalStateException("nobody listens"));
        assertThatThrownBy(failure::refuse).hasStackTraceContaining("the test breaks it");
    }

    /** Its client hears of it, and the task has lost nothing. */
    @Test
    void aQueryThatFailsIsNoFailureOfTheTask() throws Exception {
        storeFails = true;
        assertThatThrownBy(() -> Query.of(() -> db.get(cold, bytes("a"))))
                .hasRootCauseInstanceOf(LazyStateException.class);
        assertThatThrownBy(() -> Query.of(this::firstColdValue))
                .hasRootCauseInstanceOf(LazyStateException.class);
        storeFails = false;

        assertThat(told).isEmpty();
        assertThat(db.get(cold, bytes("a"))).isEqualTo(bytes("old a"));
    }

    @Test
    void aQueryIsAnsweredWhileTheTaskFails() throws Exception {
        failARead();
        storeFails = false;

        assertThat(Query.of(() -> db.get(cold, bytes("a")))).isEqualTo(bytes("old a"));
        assertThat(Query.of(this::firstColdValue)).isEqualTo(bytes("old a"));
    }

    /** A source of the old kind has a thread of its own, and runs the operators behind it there. */
    @Test
    void anAccessOfTheTaskInAnotherThreadIsOneOfTheTask() {
        storeFails = true;
        assertThatThrownBy(() -> executor.submit(() -> db.get(cold, bytes("a"))).get())
                .hasRootCauseInstanceOf(LazyStateException.class);
        storeFails = false;

        assertTheTaskHasFailed("damaged");
        assertThatThrownBy(() -> executor.submit(() -> db.get(cold, bytes("a"))).get())
                .hasStackTraceContaining("An earlier access");
    }

    private byte[] firstColdValue() {
        try (RocksIterator rows = db.newIterator(cold)) {
            rows.seekToFirst();
            return rows.value();
        }
    }

    private void failARead() {
        storeFails = true;
        assertThatThrownBy(() -> db.get(cold, bytes("c"))).hasMessageContaining("damaged");
    }

    private void assertTheTaskHasFailed(String why) {
        raw.broken = null;
        raw.brokenStatus = null;
        storeFails = false;
        assertThat(told).singleElement().asString().contains(String.valueOf(why));
        Throwable refusal = catchThrowable(() -> db.get(resident, bytes("r")));
        assertRefused(refusal);
        assertThat(refusal).hasStackTraceContaining(String.valueOf(why));
        assertThat(told).as("told once").hasSize(1);
    }

    private static void assertRefused(Throwable thrown) {
        assertThat(thrown)
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("An earlier access to keyed state failed")
                .hasCauseInstanceOf(LazyStateException.class);
    }

    /** Calls a method; returns what it throws, if anything. */
    private Throwable call(Object target, Method method) {
        Object[] arguments =
                Arrays.stream(method.getParameterTypes()).map(this::argument).toArray();
        try {
            method.invoke(target, arguments);
            return null;
        } catch (InvocationTargetException e) {
            return e.getCause();
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    private Object argument(Class<?> type) {
        try {
            if (type == ColumnFamilyHandle.class) {
                return resident;
            } else if (type == byte[].class) {
                return bytes("r");
            } else if (type == ByteBuffer.class) {
                return ByteBuffer.allocateDirect(1).put(bytes("r")).flip();
            } else if (type == WriteOptions.class) {
                return options;
            } else if (type == ReadOptions.class) {
                return now;
            } else if (type == ColumnFamilyDescriptor.class) {
                return new ColumnFamilyDescriptor(bytes("another"));
            } else if (type == WriteBatch.class) {
                WriteBatch batch = new WriteBatch();
                batch.put(resident, bytes("r"), bytes("new"));
                return batch;
            } else if (type == int.class) {
                return 0;
            }
            throw new AssertionError("give an argument for " + type);
        } catch (RocksDBException e) {
            throw new AssertionError(e);
        }
    }

    private final class FailingStore implements RangedReader {
        private final StateHandleReader store = new StateHandleReader();

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            if (storeFails) {
                throw new LazyStateException(
                        Kind.CORRUPT, object.where(offset, length), "damaged", null);
            }
            return store.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            throw new AssertionError("nothing is hydrated");
        }
    }

    /** Breaks when it is told to; shares the native database, and closes it. */
    private static final class BreakingRocksDB extends RocksDB {
        private final RocksDB opened;
        private volatile Throwable broken;
        private volatile RocksDBException brokenStatus;

        BreakingRocksDB(RocksDB opened) {
            super(opened.getNativeHandle());
            this.opened = opened;
        }

        private BreakingRocksDB breaks() {
            if (broken != null) {
                BreakingRocksDB.<RuntimeException>sneak(broken);
            }
            return this;
        }

        @SuppressWarnings("unchecked")
        private static <E extends Throwable> void sneak(Throwable error) throws E {
            throw (E) error;
        }

        @Override
        public byte[] get(ColumnFamilyHandle family, byte[] key) throws RocksDBException {
            return breaks().opened.get(family, key);
        }

        @Override
        public byte[] get(ColumnFamilyHandle family, ReadOptions options, byte[] key)
                throws RocksDBException {
            return breaks().opened.get(family, options, key);
        }

        @Override
        public void put(ColumnFamilyHandle family, WriteOptions options, byte[] key, byte[] value)
                throws RocksDBException {
            breaks().opened.put(family, options, key, value);
        }

        @Override
        public void delete(ColumnFamilyHandle family, WriteOptions options, byte[] key)
                throws RocksDBException {
            breaks().opened.delete(family, options, key);
        }

        @Override
        public void merge(ColumnFamilyHandle family, WriteOptions options, byte[] key, byte[] value)
                throws RocksDBException {
            breaks().opened.merge(family, options, key, value);
        }

        @Override
        public void write(WriteOptions options, WriteBatch batch) throws RocksDBException {
            breaks().opened.write(options, batch);
        }

        @Override
        public ColumnFamilyHandle createColumnFamily(ColumnFamilyDescriptor descriptor)
                throws RocksDBException {
            return breaks().opened.createColumnFamily(descriptor);
        }

        @Override
        public void dropColumnFamily(ColumnFamilyHandle family) throws RocksDBException {
            breaks().opened.dropColumnFamily(family);
        }

        @Override
        public Snapshot getSnapshot() {
            return breaks().opened.getSnapshot();
        }

        @Override
        public RocksIterator newIterator(ColumnFamilyHandle family, ReadOptions options) {
            RocksDBException status = brokenStatus;
            RocksIterator rows = breaks().opened.newIterator(family, options);
            return status == null ? rows : new BrokenRows(this, rows, status);
        }

        @Override
        public void close() {
            disOwnNativeHandle();
            opened.close();
        }
    }

    /** An iterator that ended on an error. */
    private static final class BrokenRows extends RocksIterator {
        private final RocksIterator rows;
        private final RocksDBException status;

        BrokenRows(RocksDB db, RocksIterator rows, RocksDBException status) {
            super(db, rows.getNativeHandle());
            disOwnNativeHandle();
            this.rows = rows;
            this.status = status;
        }

        @Override
        public void status() throws RocksDBException {
            throw status;
        }

        @Override
        public void close() {
            rows.close();
        }
    }
}
