package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.loading.HydrationSettings;
import io.lazystate.prefetch.PrefetchSettings;
import io.lazystate.run.RunFormat;
import io.lazystate.store.Replicas;
import io.lazystate.store.S3Limits;
import io.lazystate.tiers.TierSettings;
import java.io.File;
import java.io.Serializable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.ReadableConfig;
import org.jspecify.annotations.Nullable;

/** The values of {@link LazyStateOptions}, checked. Sizes in bytes. */
record LazySettings(
        LoadingMode loadingMode,
        boolean hydrationEnabled,
        int hydrationConnections,
        long hydrationMaxBytesPerSecond,
        int pageBytes,
        long extentBytes,
        long pageCacheBytes,
        List<String> preloadStates,
        List<String> preloadKeys,
        Duration maxBlockingTime,
        long autoEagerBelowBytes,
        int loaderThreads,
        TierSettings tiers,
        PrefetchSettings prefetch,
        S3Limits s3,
        Replicas replicas,
        long edgeCacheBytes,
        @Nullable String edgeCacheDirectory)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Bytes of small neighbouring extents that one read fetches: they pass through the heap. */
    private static final long MOST_JOINED_BYTES = 8 << 20;

    /** And no more than one part in so many of a full extent. */
    private static final int JOINED_PART = 4;

    /**
     * Reads the options.
     *
     * @throws LazyStateException INVALID, naming the option
     */
    static LazySettings from(ReadableConfig config) {
        TierSettings tiers = tiers(config);
        return new LazySettings(
                config.get(LazyStateOptions.LOADING_MODE),
                config.get(LazyStateOptions.HYDRATION_ENABLED),
                atLeast(1, config, LazyStateOptions.HYDRATION_CONNECTIONS),
                optionalBytes(config, LazyStateOptions.HYDRATION_MAX_BYTES_PER_SECOND),
                (int) bytes(config, LazyStateOptions.PAGE_SIZE, Integer.MAX_VALUE / 16),
                extentBytes(config, tiers),
                config.get(LazyStateOptions.PAGE_CACHE_SIZE).getBytes(),
                List.copyOf(config.get(LazyStateOptions.PRELOAD_STATES)),
                List.copyOf(config.get(LazyStateOptions.PRELOAD_KEYS)),
                config.get(LazyStateOptions.MAX_BLOCKING_TIME),
                config.get(LazyStateOptions.AUTO_EAGER_BELOW).getBytes(),
                atLeast(2, config, LazyStateOptions.LOADER_THREADS),
                tiers,
                prefetch(config),
                s3(config),
                replicas(config),
                config.get(LazyStateOptions.EDGE_CACHE_MAX_BYTES).getBytes(),
                edgeCacheDirectory(config));
    }

    private static long extentBytes(ReadableConfig config, TierSettings tiers) {
        long bytes = bytes(config, LazyStateOptions.EXTENT_SIZE, Integer.MAX_VALUE);
        long page = config.get(LazyStateOptions.PAGE_SIZE).getBytes();
        return tiers.limited() ? Math.min(bytes, Math.max(page, tiers.partBytes())) : bytes;
    }

    private static PrefetchSettings prefetch(ReadableConfig config) {
        return new PrefetchSettings(
                config.get(LazyStateOptions.PREFETCH_ENABLED),
                config.get(LazyStateOptions.PREFETCH_LOOKAHEAD).toMillis(),
                atLeast(1, config, LazyStateOptions.PREFETCH_MAX_TIMERS));
    }

    private static TierSettings tiers(ReadableConfig config) {
        double evictAbove = share(config, LazyStateOptions.LOCAL_EVICT_ABOVE);
        double hydrateBelow = share(config, LazyStateOptions.LOCAL_HYDRATE_BELOW);
        if (hydrateBelow >= evictAbove) {
            throw invalid(
                    LazyStateOptions.LOCAL_HYDRATE_BELOW,
                    hydrateBelow,
                    "below that of " + LazyStateOptions.LOCAL_EVICT_ABOVE.key());
        }
        return new TierSettings(
                optionalBytes(config, LazyStateOptions.LOCAL_MAX_BYTES),
                evictAbove,
                hydrateBelow,
                atLeast(1, config, LazyStateOptions.LOCAL_PROMOTE_AFTER_READS));
    }

    private static double share(ReadableConfig config, ConfigOption<Double> option) {
        double share = config.get(option);
        if (!(share >= 0 && share <= 1)) {
            throw invalid(option, share, "between 0 and 1");
        }
        return share;
    }

    private static S3Limits s3(ReadableConfig config) {
        double share = share(config, LazyStateOptions.S3_HEDGING_SHARE);
        return new S3Limits(
                config.get(LazyStateOptions.S3_ENABLED),
                atLeast(1, config, LazyStateOptions.S3_CONNECTIONS),
                atLeast(1, config, LazyStateOptions.S3_DOWNLOAD_PARTS),
                positive(config, LazyStateOptions.S3_ACQUIRE_TIMEOUT),
                positive(config, LazyStateOptions.S3_ATTEMPT_TIMEOUT),
                config.get(LazyStateOptions.S3_HEDGING_DELAY),
                share);
    }

    private static @Nullable String edgeCacheDirectory(ReadableConfig config) {
        String directory = config.getOptional(LazyStateOptions.EDGE_CACHE_DIR).orElse(null);
        if (directory != null && !new File(directory).isAbsolute()) {
            throw invalid(
                    LazyStateOptions.EDGE_CACHE_DIR, directory, "that is an absolute local path");
        }
        return directory;
    }

    private static Replicas replicas(ReadableConfig config) {
        List<String> directories = config.get(LazyStateOptions.REPLICA_DIRS);
        try {
            return new Replicas(
                    directories,
                    config.getOptional(CheckpointingOptions.CHECKPOINTS_DIRECTORY).orElse(null));
        } catch (IllegalArgumentException e) { // Flink's Path
            throw invalid(LazyStateOptions.REPLICA_DIRS, directories, "of paths or URIs");
        }
    }

    private static Duration positive(ReadableConfig config, ConfigOption<Duration> option) {
        Duration value = config.get(option);
        if (value.toMillis() < 1) {
            throw invalid(option, value, "above zero");
        }
        return value;
    }

    /** The mode for a subtask with so much cold state: never AUTO. */
    LoadingMode loadingMode(long coldBytes) {
        if (loadingMode != LoadingMode.AUTO) {
            return loadingMode;
        }
        return coldBytes <= autoEagerBelowBytes ? LoadingMode.EAGER : LoadingMode.HYBRID;
    }

    RunFormat runFormat() {
        return RunFormat.ofPages(pageBytes);
    }

    /**
     * Those of a hydrator.
     *
     * @param directory for its files
     */
    HydrationSettings hydration(Path directory) {
        return new HydrationSettings(
                runFormat(),
                directory,
                hydrationConnections,
                preloadStates,
                Math.min(MOST_JOINED_BYTES, extentBytes / JOINED_PART),
                hydrationMaxBytesPerSecond);
    }

    private static int atLeast(int least, ReadableConfig config, ConfigOption<Integer> option) {
        int value = config.get(option);
        if (value < least) {
            throw invalid(option, value, "at least " + least);
        }
        return value;
    }

    /** 0 if the option is not set. */
    private static long optionalBytes(ReadableConfig config, ConfigOption<MemorySize> option) {
        return config.getOptional(option).isEmpty() ? 0 : bytes(config, option, Long.MAX_VALUE);
    }

    private static long bytes(ReadableConfig config, ConfigOption<MemorySize> option, long most) {
        long bytes = config.get(option).getBytes();
        if (bytes < 1 || bytes > most) {
            throw invalid(option, config.get(option), "between 1 and " + most + " bytes");
        }
        return bytes;
    }

    private static LazyStateException invalid(ConfigOption<?> option, Object value, String range) {
        return new LazyStateException(
                Kind.INVALID,
                Where.NOWHERE,
                "The option "
                        + option.key()
                        + " is "
                        + value
                        + "; set it to a value "
                        + range
                        + ", or remove it for the default "
                        + (option.hasDefaultValue() ? option.defaultValue() : "(none)"),
                null);
    }
}
