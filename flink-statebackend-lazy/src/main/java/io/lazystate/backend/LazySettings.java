package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.RunFormat;
import io.lazystate.store.S3Limits;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.ReadableConfig;

/** The values of {@link LazyStateOptions}, checked. Sizes in bytes. */
record LazySettings(
        LoadingMode loadingMode,
        boolean hydrationEnabled,
        int hydrationConnections,
        int pageBytes,
        long extentBytes,
        long pageCacheBytes,
        List<String> preloadStates,
        Duration maxBlockingTime,
        S3Limits s3)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    /**
     * Reads the options.
     *
     * @throws LazyStateException INVALID, naming the option
     */
    static LazySettings from(ReadableConfig config) {
        int connections = atLeastOne(config, LazyStateOptions.HYDRATION_CONNECTIONS);
        return new LazySettings(
                config.get(LazyStateOptions.LOADING_MODE),
                config.get(LazyStateOptions.HYDRATION_ENABLED),
                connections,
                (int) bytes(config, LazyStateOptions.PAGE_SIZE, Integer.MAX_VALUE / 16),
                bytes(config, LazyStateOptions.EXTENT_SIZE, Integer.MAX_VALUE),
                config.get(LazyStateOptions.PAGE_CACHE_SIZE).getBytes(),
                List.copyOf(config.get(LazyStateOptions.PRELOAD_STATES)),
                config.get(LazyStateOptions.MAX_BLOCKING_TIME),
                s3(config));
    }

    private static S3Limits s3(ReadableConfig config) {
        double share = config.get(LazyStateOptions.S3_HEDGING_SHARE);
        if (!(share >= 0 && share <= 1)) {
            throw invalid(LazyStateOptions.S3_HEDGING_SHARE, share, "between 0 and 1");
        }
        return new S3Limits(
                config.get(LazyStateOptions.S3_ENABLED),
                atLeastOne(config, LazyStateOptions.S3_CONNECTIONS),
                atLeastOne(config, LazyStateOptions.S3_DOWNLOAD_PARTS),
                positive(config, LazyStateOptions.S3_ACQUIRE_TIMEOUT),
                positive(config, LazyStateOptions.S3_ATTEMPT_TIMEOUT),
                config.get(LazyStateOptions.S3_HEDGING_DELAY),
                share);
    }

    private static int atLeastOne(ReadableConfig config, ConfigOption<Integer> option) {
        int value = config.get(option);
        if (value < 1) {
            throw invalid(option, value, "at least 1");
        }
        return value;
    }

    private static Duration positive(ReadableConfig config, ConfigOption<Duration> option) {
        Duration value = config.get(option);
        if (value.toMillis() < 1) {
            throw invalid(option, value, "above zero");
        }
        return value;
    }

    RunFormat runFormat() {
        return RunFormat.ofPages(pageBytes);
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
                        + option.defaultValue(),
                null);
    }
}
