package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.function.Function;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.PriorityQueueSetFactory;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend.RocksDbKvStateInfo;
import org.apache.flink.state.rocksdb.RocksDBNativeMetricMonitor;
import org.apache.flink.state.rocksdb.RocksDBPriorityQueueSetFactory;
import org.apache.flink.state.rocksdb.RocksDBWriteBatchWrapper;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionManager;
import org.apache.flink.util.ExceptionUtils;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;

/**
 * The two members of Flink's RocksDB backend that we need and that are not public (Flink 2.3).
 *
 * <p>Called by reflection: a class of ours in Flink's package would not see them either once the
 * plugin jar comes through another class loader.
 */
final class FlinkInternals {
    private FlinkInternals() {}

    /** Loads RocksDB's native library into a folder, once in a class loader, as Flink does. */
    static void loadRocksDB(String folder) {
        call(
                () -> {
                    Method load =
                            EmbeddedRocksDBStateBackend.class.getDeclaredMethod(
                                    "ensureRocksDBIsLoaded", String.class);
                    load.setAccessible(true);
                    load.invoke(null, folder);
                    return load;
                });
    }

    /** The queues' place in the database: what they share with Flink's backend. */
    record Queues(
            KeyGroupRange keyGroups,
            int keyGroupPrefixBytes,
            int numberOfKeyGroups,
            Map<String, RocksDbKvStateInfo> states,
            RocksDB db,
            ReadOptions readOptions,
            RocksDBWriteBatchWrapper batch,
            @Nullable RocksDBNativeMetricMonitor monitor,
            Function<String, ColumnFamilyOptions> familyOptions,
            @Nullable Long writeBufferManagerCapacity,
            int cacheSize,
            RocksDBManualCompactionManager compactions) {}

    /** A factory of Flink's timer queues in RocksDB. */
    static PriorityQueueSetFactory rocksQueues(Queues q) {
        return call(
                () -> {
                    Constructor<RocksDBPriorityQueueSetFactory> constructor =
                            RocksDBPriorityQueueSetFactory.class.getDeclaredConstructor(
                                    KeyGroupRange.class,
                                    int.class,
                                    int.class,
                                    Map.class,
                                    RocksDB.class,
                                    ReadOptions.class,
                                    RocksDBWriteBatchWrapper.class,
                                    RocksDBNativeMetricMonitor.class,
                                    Function.class,
                                    Long.class,
                                    int.class,
                                    RocksDBManualCompactionManager.class);
                    constructor.setAccessible(true);
                    return constructor.newInstance(
                            q.keyGroups,
                            q.keyGroupPrefixBytes,
                            q.numberOfKeyGroups,
                            q.states,
                            q.db,
                            q.readOptions,
                            q.batch,
                            q.monitor,
                            q.familyOptions,
                            q.writeBufferManagerCapacity,
                            q.cacheSize,
                            q.compactions);
                });
    }

    private interface Reflection<T> {
        T run() throws ReflectiveOperationException;
    }

    private static <T> T call(Reflection<T> reflection) {
        try {
            return reflection.run();
        } catch (InvocationTargetException e) {
            ExceptionUtils.rethrow(e.getCause());
            throw new AssertionError("unreachable", e);
        } catch (ReflectiveOperationException e) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "This Flink's RocksDB backend is not the one that this release was built for;"
                            + " use Flink 2.3 with flink-statebackend-rocksdb of the same version",
                    e);
        }
    }
}
