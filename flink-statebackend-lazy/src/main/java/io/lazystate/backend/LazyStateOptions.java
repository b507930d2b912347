package io.lazystate.backend;

import java.time.Duration;
import java.util.List;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.MemorySize;

/** The options of the backend; all of {@code state.backend.rocksdb.*} apply as well. */
@PublicEvolving
public final class LazyStateOptions {
    public static final ConfigOption<LoadingMode> LOADING_MODE =
            ConfigOptions.key("state.backend.lazy.loading-mode")
                    .enumType(LoadingMode.class)
                    .defaultValue(LoadingMode.HYBRID)
                    .withDescription("How much state is loaded before a restored task runs.");

    public static final ConfigOption<Boolean> HYDRATION_ENABLED =
            ConfigOptions.key("state.backend.lazy.hydration.enabled")
                    .booleanType()
                    .defaultValue(true)
                    .withDescription(
                            "Whether cold state is fetched and linked in the background. Without"
                                    + " it, state that is not read stays in the checkpoint store.");

    public static final ConfigOption<Integer> HYDRATION_CONNECTIONS =
            ConfigOptions.key("state.backend.lazy.hydration.connections")
                    .intType()
                    .defaultValue(4)
                    .withDescription(
                            "Extents that a task fetches at the same time for hydration, each with"
                                    + " up to two requests.");

    public static final ConfigOption<MemorySize> HYDRATION_MAX_BYTES_PER_SECOND =
            ConfigOptions.key("state.backend.lazy.hydration.max-bytes-per-second")
                    .memoryType()
                    .noDefaultValue()
                    .withDescription(
                            "How many bytes a second the tasks of a TaskManager together fetch for"
                                    + " hydration, on average. No limit if it is not set.");

    public static final ConfigOption<Integer> LOADER_THREADS =
            ConfigOptions.key("state.backend.lazy.loader.threads")
                    .intType()
                    .defaultValue(128)
                    .withDescription(
                            "Requests to the checkpoint store that a TaskManager has under way at"
                                    + " once; half of them are kept for what tasks wait for. If jobs"
                                    + " differ, the largest value counts.");

    public static final ConfigOption<MemorySize> PAGE_SIZE =
            ConfigOptions.key("state.backend.lazy.page-size")
                    .memoryType()
                    .defaultValue(MemorySize.ofMebiBytes(1).divide(4))
                    .withDescription(
                            "Uncompressed size of a page, the unit of a cold read. Applies to files"
                                    + " written from now on.");

    public static final ConfigOption<MemorySize> EXTENT_SIZE =
            ConfigOptions.key("state.backend.lazy.extent-size")
                    .memoryType()
                    .defaultValue(MemorySize.ofMebiBytes(64))
                    .withDescription(
                            "Uncompressed size of an extent, the unit of hydration and eviction;"
                                    + " with local.max-bytes no more than a 32nd of that. Applies"
                                    + " to files written from now on.");

    public static final ConfigOption<MemorySize> PAGE_CACHE_SIZE =
            ConfigOptions.key("state.backend.lazy.page-cache-size")
                    .memoryType()
                    .defaultValue(MemorySize.ofMebiBytes(32))
                    .withDescription(
                            "Heap memory for pages of cold state, for each keyed operator in a"
                                    + " slot, while it has cold state.");

    public static final ConfigOption<List<String>> PRELOAD_STATES =
            ConfigOptions.key("state.backend.lazy.preload.states")
                    .stringType()
                    .asList()
                    .defaultValues()
                    .withDescription(
                            "Names of states that are loaded before the task runs, in modes HYBRID"
                                    + " and AUTO, and hydrated first.");

    public static final ConfigOption<List<String>> PRELOAD_KEYS =
            ConfigOptions.key("state.backend.lazy.preload.keys")
                    .stringType()
                    .asList()
                    .defaultValues()
                    .withDescription(
                            "Classes that name keys whose rows are loaded before the task runs, in"
                                    + " modes HYBRID and AUTO: implementations of PreloadKeys in"
                                    + " the job's jar.");

    public static final ConfigOption<Boolean> PREFETCH_ENABLED =
            ConfigOptions.key("state.backend.lazy.prefetch.enabled")
                    .booleanType()
                    .defaultValue(true)
                    .withDescription(
                            "Whether cold rows that timers will read are fetched before the timers"
                                    + " fire.");

    public static final ConfigOption<Duration> PREFETCH_LOOKAHEAD =
            ConfigOptions.key("state.backend.lazy.prefetch.lookahead")
                    .durationType()
                    .defaultValue(Duration.ofMinutes(1))
                    .withDescription(
                            "How far timers are followed ahead: of event time, behind the timer that"
                                    + " fires next; of processing time, behind the clock.");

    public static final ConfigOption<Integer> PREFETCH_MAX_TIMERS =
            ConfigOptions.key("state.backend.lazy.prefetch.max-timers")
                    .intType()
                    .defaultValue(1_000)
                    .withDescription(
                            "Timers of a timer service whose rows are fetched ahead at the same"
                                    + " time, at the most.");

    public static final ConfigOption<MemorySize> AUTO_EAGER_BELOW =
            ConfigOptions.key("state.backend.lazy.auto.eager-below")
                    .memoryType()
                    .defaultValue(MemorySize.ofMebiBytes(64))
                    .withDescription(
                            "In mode AUTO: a subtask with at most so many stored bytes of cold state"
                                    + " loads all of it before it runs; one with more does as in"
                                    + " HYBRID.");

    public static final ConfigOption<Duration> MAX_BLOCKING_TIME =
            ConfigOptions.key("state.backend.lazy.recovery.max-blocking-time")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(5))
                    .withDescription(
                            "How long a restore waits for what modes HYBRID and AUTO load before the"
                                    + " task runs; what is not there by then is loaded like the"
                                    + " rest.");

    public static final ConfigOption<MemorySize> LOCAL_MAX_BYTES =
            ConfigOptions.key("state.backend.lazy.local.max-bytes")
                    .memoryType()
                    .noDefaultValue()
                    .withDescription(
                            "Local disk that the databases of a TaskManager take up together. What"
                                    + " does not fit stays in the checkpoint store, or goes back"
                                    + " to it. No limit if it is not set.");

    public static final ConfigOption<Double> LOCAL_EVICT_ABOVE =
            ConfigOptions.key("state.backend.lazy.local.evict-above")
                    .doubleType()
                    .defaultValue(0.85)
                    .withDescription(
                            "Share of its part of local.max-bytes above which an operator evicts"
                                    + " what is read least.");

    public static final ConfigOption<Double> LOCAL_HYDRATE_BELOW =
            ConfigOptions.key("state.backend.lazy.local.hydrate-below")
                    .doubleType()
                    .defaultValue(0.7)
                    .withDescription(
                            "Share of its part of local.max-bytes up to which an operator hydrates;"
                                    + " below local.evict-above.");

    public static final ConfigOption<Integer> LOCAL_PROMOTE_AFTER_READS =
            ConfigOptions.key("state.backend.lazy.local.promote-after-reads")
                    .intType()
                    .defaultValue(1_000)
                    .withDescription(
                            "Recent reads of an evicted extent after which it is fetched again, if"
                                    + " there is room, or if it is read clearly more than another"
                                    + " one that then leaves.");

    public static final ConfigOption<Boolean> S3_ENABLED =
            ConfigOptions.key("state.backend.lazy.s3.enabled")
                    .booleanType()
                    .defaultValue(true)
                    .withDescription(
                            "Whether s3 paths are read over connections of the backend's own,"
                                    + " which stay open. Without them, Flink's file system reads.");

    public static final ConfigOption<Integer> S3_CONNECTIONS =
            ConfigOptions.key("state.backend.lazy.s3.connections")
                    .intType()
                    .defaultValue(64)
                    .withDescription(
                            "Connections to S3 that a TaskManager has open at the same time."
                                    + " Downloads of whole files leave a quarter to other reads.");

    public static final ConfigOption<Integer> S3_DOWNLOAD_PARTS =
            ConfigOptions.key("state.backend.lazy.s3.download-parts")
                    .intType()
                    .defaultValue(4)
                    .withDescription(
                            "Equal parts in which a large file is fetched at the same time; fewer"
                                    + " where many files are under way.");

    public static final ConfigOption<Duration> S3_ACQUIRE_TIMEOUT =
            ConfigOptions.key("state.backend.lazy.s3.acquire-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(30))
                    .withDescription("How long a request waits for a free connection.");

    public static final ConfigOption<Duration> S3_ATTEMPT_TIMEOUT =
            ConfigOptions.key("state.backend.lazy.s3.attempt-timeout")
                    .durationType()
                    .defaultValue(Duration.ofSeconds(10))
                    .withDescription(
                            "After which a request that is not answered, or stalls, is given up and"
                                    + " tried again.");

    public static final ConfigOption<Duration> S3_HEDGING_DELAY =
            ConfigOptions.key("state.backend.lazy.s3.hedging-delay")
                    .durationType()
                    .defaultValue(Duration.ofMillis(500))
                    .withDescription(
                            "After which a read that is not answered is sent a second time; 0 for"
                                    + " never.");

    public static final ConfigOption<Double> S3_HEDGING_SHARE =
            ConfigOptions.key("state.backend.lazy.s3.hedging-share")
                    .doubleType()
                    .defaultValue(0.05)
                    .withDescription("Share of all reads that may be sent a second time.");

    public static final ConfigOption<MemorySize> EDGE_CACHE_MAX_BYTES =
            ConfigOptions.key("state.backend.lazy.edge-cache.max-bytes")
                    .memoryType()
                    .defaultValue(MemorySize.ZERO)
                    .withDescription(
                            "How much of the local disk a process uses to keep what it read from"
                                    + " the checkpoint store, for all its tasks and for later"
                                    + " ones; 0 for no such cache.");

    public static final ConfigOption<String> EDGE_CACHE_DIR =
            ConfigOptions.key("state.backend.lazy.edge-cache.dir")
                    .stringType()
                    .noDefaultValue()
                    .withDescription(
                            "The local directory of the edge cache; by default one in the"
                                    + " TaskManager's own directory for temporary files, which"
                                    + " Flink empties when the TaskManager starts.");

    public static final ConfigOption<List<String>> REPLICA_DIRS =
            ConfigOptions.key("state.backend.lazy.replica.dirs")
                    .stringType()
                    .asList()
                    .defaultValues()
                    .withDescription(
                            "Directories with copies of the checkpoint directory. What is missing,"
                                    + " damaged or cannot be reached is read from the first of them"
                                    + " that has it.");

    private LazyStateOptions() {}
}
