package io.lazystate.paging;

import io.lazystate.loading.ExtentHeat;
import io.lazystate.metrics.LoadingMetrics;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteOptions;

/**
 * Accesses to a state that is partly cold, and reads of the sample: what no compiler shall copy
 * into the code of its callers.
 *
 * <p>The task's methods are compiled, for the rest of the job, some seconds after a restore, when
 * cold accesses have been frequent. HotSpot then puts all of the cold path into every frame of
 * Flink's that ends here: ten times the code, compiled for seconds, while the job runs with what is
 * not optimized yet. A method handle that is no constant is a call, whatever the compiler thinks of
 * it; it costs nanoseconds. Threads: as of {@link PagedRocksDB}.
 */
final class OutOfLine {
    private static final MethodHandles.Lookup LOOKUP = MethodHandles.lookup();

    private final RocksDB raw;
    private final RowReader reader;
    private final Overlay overlay;
    private final HotKeys hotKeys;
    private final ExtentHeat heat;
    private final LoadingMetrics metrics;

    // Not static: a compiler takes those for constants. The methods that they call are found by
    // name.
    private final MethodHandle get =
            handle("doGet", byte[].class, PagedState.class, ExtentMap.class, byte[].class);
    private final MethodHandle put =
            handle(
                    "doPut",
                    void.class,
                    PagedState.class,
                    WriteOptions.class,
                    byte[].class,
                    byte[].class);
    private final MethodHandle delete =
            handle("doDelete", void.class, PagedState.class, WriteOptions.class, byte[].class);
    private final MethodHandle sample =
            handle("doSample", void.class, PagedState.class, byte[].class);

    OutOfLine(
            RocksDB raw,
            RowReader reader,
            Overlay overlay,
            HotKeys hotKeys,
            PagingContext context) {
        this.raw = raw;
        this.reader = reader;
        this.overlay = overlay;
        this.hotKeys = hotKeys;
        this.heat = context.loader().heat();
        this.metrics = context.metrics();
    }

    private static MethodHandle handle(String name, Class<?> result, Class<?>... arguments) {
        try {
            return LOOKUP.findVirtual(
                    OutOfLine.class, name, MethodType.methodType(result, arguments));
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a method of this class is missing: " + name, e);
        }
    }

    /** The value of a key, or null. */
    byte @Nullable [] get(PagedState state, ExtentMap map, byte[] key) throws RocksDBException {
        try {
            return (byte[]) get.invokeExact(this, state, map, key);
        } catch (Throwable t) {
            throw thrown(t);
        }
    }

    byte @Nullable [] doGet(PagedState state, ExtentMap map, byte[] key) throws RocksDBException {
        return reader.get(state, map, key, null);
    }

    /** Writes to where the key's extent is. */
    void put(PagedState state, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        try {
            put.invokeExact(this, state, options, key, value);
        } catch (Throwable t) {
            throw thrown(t);
        }
    }

    void doPut(PagedState state, WriteOptions options, byte[] key, byte[] value)
            throws RocksDBException {
        if (state.map().isResident(key)) {
            raw.put(state.handle(), options, key, value);
        } else {
            metrics.coldWrites().increment();
            overlay.put(state, options, key, value);
        }
    }

    /** Removes where the key's extent is. */
    void delete(PagedState state, WriteOptions options, byte[] key) throws RocksDBException {
        try {
            delete.invokeExact(this, state, options, key);
        } catch (Throwable t) {
            throw thrown(t);
        }
    }

    void doDelete(PagedState state, WriteOptions options, byte[] key) throws RocksDBException {
        if (state.map().isResident(key)) {
            raw.delete(state.handle(), options, key);
        } else {
            metrics.coldWrites().increment();
            overlay.remove(state, options, key);
        }
    }

    /** Counts a read of the sample. */
    void sample(PagedState state, byte[] key) throws RocksDBException {
        try {
            sample.invokeExact(this, state, key);
        } catch (Throwable t) {
            throw thrown(t);
        }
    }

    /** For the extent's heat those of cold rows are counted one by one, where they are read. */
    void doSample(PagedState state, byte[] key) {
        hotKeys.count(state, key);
        ExtentMap map = state.map();
        int extent = map.indexOf(key);
        if (map.isLocal(extent)) {
            heat.touch(map.extent(extent), HotKeys.READS_A_SAMPLE);
        }
    }

    private static RocksDBException thrown(Throwable t) {
        if (t instanceof RuntimeException e) {
            throw e;
        }
        if (t instanceof Error e) {
            throw e;
        }
        return (RocksDBException) t; // no method here declares another
    }
}
