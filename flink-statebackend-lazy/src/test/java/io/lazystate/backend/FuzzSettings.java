package io.lazystate.backend;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;

/** Random settings: everything tiny, so that a few rows make many pages, extents and runs. */
public final class FuzzSettings {
    private FuzzSettings() {}

    /** The settings of one task; they may differ from start to start of a history. */
    static Configuration draw(Random random) {
        Configuration config = new Configuration();
        LoadingMode mode =
                random.nextBoolean()
                        ? LoadingMode.LAZY
                        : random.nextInt(3) > 0 ? LoadingMode.HYBRID : LoadingMode.EAGER;
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(
                LazyStateOptions.HYDRATION_ENABLED,
                mode != LoadingMode.LAZY && random.nextBoolean());
        config.set(LazyStateOptions.HYDRATION_CONNECTIONS, 1 + random.nextInt(4));
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(64L << random.nextInt(5)));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(192L << random.nextInt(6)));
        config.set(
                LazyStateOptions.PAGE_CACHE_SIZE,
                new MemorySize(pick(random, 1, 300, 5000, 1 << 20)));
        if (random.nextInt(3) == 0) {
            config.set(LazyStateOptions.PRELOAD_KEYS, List.of(SomeKeys.class.getName()));
        }
        config.set(LazyStateOptions.PREFETCH_ENABLED, random.nextInt(4) > 0);
        config.set(
                LazyStateOptions.PREFETCH_LOOKAHEAD,
                Duration.ofMillis(pick(random, 0, 20, 60_000)));
        config.set(LazyStateOptions.PREFETCH_MAX_TIMERS, (int) pick(random, 1, 20, 1_000));
        config.set(
                RocksDBOptions.ROCKSDB_TIMER_SERVICE_FACTORY_CACHE_SIZE,
                (int) pick(random, 1, 3, 128));
        config.set(
                RocksDBConfigurableOptions.WRITE_BATCH_SIZE,
                new MemorySize(pick(random, 50, 2 << 20)));
        config.set(
                CheckpointingOptions.FS_SMALL_FILE_THRESHOLD,
                new MemorySize(pick(random, 0, 0, 700, 20 << 10)));
        if (random.nextBoolean()) {
            config.set(LazyStateOptions.LOCAL_MAX_BYTES, MemorySize.ofMebiBytes(1 << 20));
        }
        return config;
    }

    /** Names every other key of most histories. */
    public static class SomeKeys implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) {
            return LongStream.range(0, 40).map(i -> 2 * i).boxed().toList();
        }
    }

    /** Some tasks cache what they read, few of them much. */
    static void drawEdgeCache(Random random, Configuration config, Path directory) {
        if (random.nextInt(3) == 0) {
            config.set(LazyStateOptions.EDGE_CACHE_DIR, directory.toString());
            config.set(
                    LazyStateOptions.EDGE_CACHE_MAX_BYTES,
                    new MemorySize(pick(random, 20 << 10, 4 << 20)));
        }
    }

    static boolean inlines(Configuration config) {
        return config.get(CheckpointingOptions.FS_SMALL_FILE_THRESHOLD).getBytes() > 0;
    }

    private static long pick(Random random, long... values) {
        return values[random.nextInt(values.length)];
    }
}
