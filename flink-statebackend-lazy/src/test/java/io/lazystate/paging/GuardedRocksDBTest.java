package io.lazystate.paging;

import static io.lazystate.paging.ChangeLogTest.kind;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/** Every public method of RocksDB pages, is guarded, is refused, or is harmless for a reason. */
class GuardedRocksDBTest {

    /** Implemented by the paging subclass, which is what they are for. */
    private static final Set<String> PAGED =
            Set.of(
                    "get(ColumnFamilyHandle, byte[])",
                    "get(ColumnFamilyHandle, ReadOptions, byte[])",
                    "put(ColumnFamilyHandle, WriteOptions, byte[], byte[])",
                    "delete(ColumnFamilyHandle, WriteOptions, byte[])",
                    "merge(ColumnFamilyHandle, WriteOptions, byte[], byte[])",
                    "write(WriteOptions, WriteBatch)",
                    "newIterator(ColumnFamilyHandle)",
                    "newIterator(ColumnFamilyHandle, ReadOptions)",
                    "getSnapshot()",
                    "releaseSnapshot(Snapshot)",
                    "createColumnFamily(ColumnFamilyDescriptor)",
                    "dropColumnFamily(ColumnFamilyHandle)",
                    "close()");

    /** All overloads of the named methods, with the reason why paging need not hear of them. */
    private static final Map<String, List<String>> HARMLESS =
            Map.of(
                    "handles: no row is touched",
                    List.of(
                            "destroyColumnFamilyHandle",
                            "getDefaultColumnFamily",
                            "getEnv",
                            "getName",
                            "getNativeHandle",
                            "isOwningHandle"),
                    "properties and estimates: they speak of the local files, as their names say",
                    List.of(
                            "getAggregatedLongProperty",
                            "getApproximateMemTableStats",
                            "getApproximateSizes",
                            "getLongProperty",
                            "getMapProperty",
                            "getProperty",
                            "getPropertiesOfAllTables",
                            "getPropertiesOfTablesInRange"),
                    "lists of local files and their sequence numbers",
                    List.of(
                            "getColumnFamilyMetaData",
                            "getLatestSequenceNumber",
                            "getLiveFiles",
                            "getLiveFilesMetaData",
                            "getSortedWalFiles"),
                    "options: where and how rows are kept, not which",
                    List.of(
                            "getDBOptions",
                            "getOptions",
                            "level0StopWriteTrigger",
                            "maxMemCompactionLevel",
                            "numberLevels",
                            "setDBOptions",
                            "setOptions"),
                    "flush and compaction: the same rows in other files; Flink's manual compaction"
                            + " and its state migration call them",
                    List.of(
                            "cancelAllBackgroundWork",
                            "compactFiles",
                            "compactRange",
                            "continueBackgroundWork",
                            "enableAutoCompaction",
                            "flush",
                            "flushWal",
                            "pauseBackgroundWork",
                            "suggestCompactRange",
                            "syncWal"),
                    "when obsolete files are deleted, and whether live ones are sound",
                    List.of("disableFileDeletions", "enableFileDeletions", "verifyChecksum"),
                    "statistics and traces",
                    List.of(
                            "endTrace",
                            "getPerfContext",
                            "getPerfLevel",
                            "resetStats",
                            "setPerfLevel",
                            "startTrace"));

    static {
        RocksDB.loadLibrary();
    }

    @TempDir Path directory;

    private RocksDB opened;
    private Guard guard;

    @BeforeEach
    void open() throws RocksDBException {
        opened = RocksDB.open(directory.toString());
        opened.put("key".getBytes(UTF_8), "value".getBytes(UTF_8));
        guard = new Guard(opened);
    }

    @AfterEach
    void close() {
        guard.close();
        opened.close();
    }

    static Stream<Method> publicMethods() {
        return Arrays.stream(RocksDB.class.getMethods())
                .filter(method -> !Modifier.isStatic(method.getModifiers()))
                .filter(method -> method.getDeclaringClass() != Object.class);
    }

    static Stream<Method> overrides() {
        return Arrays.stream(GuardedRocksDB.class.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()));
    }

    @Test
    void everyPublicMethodIsInExactlyOneList() {
        Set<String> overridden =
                overrides().map(GuardedRocksDBTest::signature).collect(Collectors.toSet());
        Set<String> harmless =
                HARMLESS.values().stream().flatMap(Collection::stream).collect(Collectors.toSet());
        Set<String> wrong = new TreeSet<>();
        Set<String> known = new TreeSet<>();
        publicMethods()
                .forEach(
                        method -> {
                            String signature = signature(method);
                            known.add(signature);
                            int lists =
                                    (overridden.contains(signature) ? 1 : 0)
                                            + (PAGED.contains(signature) ? 1 : 0)
                                            + (harmless.contains(method.getName()) ? 1 : 0);
                            if (lists != 1) {
                                wrong.add(signature + " is in " + lists + " lists");
                            }
                        });
        assertThat(wrong).isEmpty();
        assertThat(known).containsAll(overridden).containsAll(PAGED);
        assertThat(known.stream().map(s -> s.substring(0, s.indexOf('(')))).containsAll(harmless);
        assertThat(overridden).hasSize(107);
    }

    @Test
    void whatShouldPageIsOverriddenByThePagingSubclass() {
        Set<String> overridden =
                Arrays.stream(PagedRocksDB.class.getDeclaredMethods())
                        .map(GuardedRocksDBTest::signature)
                        .collect(Collectors.toSet());
        assertThat(overridden).containsAll(PAGED);
    }

    @ParameterizedTest
    @MethodSource("overrides")
    void everyOverrideThrowsWhileAnythingIsCold(Method method) {
        guard.cold = true;
        Throwable thrown = invoke(method);
        assertThat(thrown).satisfies(kind(Kind.INTERNAL));
        if (guard.asked) {
            assertThat(thrown).hasMessageEndingWith("too cold for " + method.getName());
        } else {
            // It did not ask, so it throws when everything is resident, too.
            assertThat(thrown)
                    .hasMessageContaining("RocksDB." + method.getName() + " is not supported")
                    .hasMessageContaining("use ");
        }
    }

    @Test
    void whatWritesIsRefusedAndWhatReadsIsGuarded() {
        Set<String> refused = new TreeSet<>();
        Set<String> guarded = new TreeSet<>();
        guard.cold = true;
        overrides()
                .forEach(
                        method -> {
                            guard.asked = false;
                            invoke(method);
                            (guard.asked ? guarded : refused).add(method.getName());
                        });
        assertThat(refused)
                .containsExactly(
                        "clipColumnFamily",
                        "closeE",
                        "createColumnFamilies",
                        "createColumnFamilyWithImport",
                        "delete",
                        "deleteFile",
                        "deleteFilesInRanges",
                        "deleteRange",
                        "dropColumnFamilies",
                        "ingestExternalFile",
                        "merge",
                        "put",
                        "singleDelete",
                        "tryCatchUpWithPrimary",
                        "write");
        assertThat(guarded)
                .containsExactly(
                        "get",
                        "getUpdatesSince",
                        "keyExists",
                        "keyMayExist",
                        "multiGetAsList",
                        "multiGetByteBuffers",
                        "newIterator",
                        "newIterators",
                        "promoteL0");
    }

    @Test
    void guardedReadsPassWhenEverythingIsResident() throws RocksDBException {
        byte[] padded = "a key, and more".getBytes(UTF_8);
        byte[] value = new byte[9];
        try (ReadOptions options = new ReadOptions();
                ColumnFamilyHandle columnFamily = opened.getDefaultColumnFamily()) {
            assertThat(guard.get(columnFamily, padded, 2, 3)).asString(UTF_8).isEqualTo("value");
            assertThat(guard.get(columnFamily, options, padded, 2, 3, value, 1, 8)).isEqualTo(5);
            assertThat(new String(value, 1, 5, UTF_8)).isEqualTo("value");
            ByteBuffer key = ByteBuffer.allocateDirect(3).put(padded, 2, 3).flip();
            ByteBuffer found = ByteBuffer.allocateDirect(10);
            assertThat(guard.get(columnFamily, options, key, found)).isEqualTo(5);
            assertThat(UTF_8.decode(found).toString()).isEqualTo("value");
            assertThat(guard.multiGetAsList(List.of(columnFamily), List.of("key".getBytes(UTF_8))))
                    .singleElement()
                    .isEqualTo("value".getBytes(UTF_8));
            assertThat(guard.keyExists(columnFamily, options, padded, 2, 3)).isTrue();
            assertThat(guard.keyExists(columnFamily, options, padded, 1, 3)).isFalse();
            assertThat(guard.keyMayExist(columnFamily, padded, 2, 3, null)).isTrue();
            try (RocksIterator rows = guard.newIterators(List.of(columnFamily), options).get(0)) {
                rows.seekToFirst();
                assertThat(rows.value()).asString(UTF_8).isEqualTo("value");
            }
        }
    }

    @Test
    void harmlessMethodsWorkWhileColdRowsExist() {
        guard.cold = true;
        assertThatCode(
                        () -> {
                            assertThat(guard.getLongProperty("rocksdb.estimate-num-keys")).isOne();
                            assertThat(guard.getLatestSequenceNumber()).isOne();
                            guard.compactRange();
                        })
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> guard.get(new byte[1])).satisfies(kind(Kind.INTERNAL));
    }

    /** Calls the method with nulls and zeros; returns what it throws, if anything. */
    private Throwable invoke(Method method) {
        Object[] arguments =
                Arrays.stream(method.getParameterTypes())
                        .map(GuardedRocksDBTest::nothing)
                        .toArray();
        try {
            method.invoke(guard, arguments);
            return null;
        } catch (InvocationTargetException e) {
            return e.getCause();
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    private static Object nothing(Class<?> type) {
        if (type == int.class) {
            return 0;
        }
        if (type == long.class) {
            return 0L;
        }
        return type == boolean.class ? false : null;
    }

    private static String signature(Method method) {
        return Arrays.stream(method.getParameterTypes())
                .map(Class::getSimpleName)
                .collect(joining(", ", method.getName() + "(", ")"));
    }

    /** Shares the handle of a database that closes itself. */
    private static final class Guard extends GuardedRocksDB {

        private boolean cold;
        private boolean asked;

        Guard(RocksDB opened) {
            super(opened.getNativeHandle());
            disOwnNativeHandle();
        }

        @Override
        protected void requireResident(String method) {
            asked = true;
            if (cold) {
                throw new LazyStateException(
                        Kind.INTERNAL, Where.NOWHERE, "too cold for " + method, null);
            }
        }
    }
}
