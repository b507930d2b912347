package io.lazystate.backend;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.AbstractManagedMemoryStateBackend;
import org.apache.flink.runtime.state.ConfigurableStateBackend;
import org.apache.flink.runtime.state.OperatorStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.PredefinedOptions;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBMemoryControllerUtils.RocksDBMemoryFactory;
import org.apache.flink.state.rocksdb.RocksDBNativeMetricOptions;
import org.apache.flink.state.rocksdb.RocksDBOperationUtils;
import org.apache.flink.state.rocksdb.RocksDBPriorityQueueConfig;
import org.apache.flink.state.rocksdb.RocksDBResourceContainer;
import org.apache.flink.state.rocksdb.sstmerge.RocksDBManualCompactionConfig;
import org.apache.flink.util.IOUtils;
import org.rocksdb.ColumnFamilyOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A keyed state backend that starts at once and pages state in, from its own checkpoint files into
 * the local RocksDB.
 *
 * <p>Flink's RocksDB backend runs on top of it unchanged: same state classes, timers, TTL, managed
 * memory and {@code state.backend.rocksdb.*} options. Options of its own: {@link LazyStateOptions}.
 * Threads and life cycle: as any Flink state backend.
 */
@PublicEvolving
public class LazyStateBackend extends AbstractManagedMemoryStateBackend
        implements ConfigurableStateBackend {
    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(LazyStateBackend.class);

    /** Spreads databases over the local directories, as Flink's backend does. */
    private static final AtomicInteger NEXT_DIRECTORY = new AtomicInteger();

    private final EmbeddedRocksDBStateBackend rocks;
    private final Configuration configuration;
    private final LazySettings settings;
    private final ArrayList<String> ignored;
    private final Ports ports;

    /** A backend with default options, which {@link #configure} replaces by the cluster's. */
    public LazyStateBackend() {
        this(Ports.DEFAULT);
    }

    LazyStateBackend(Ports ports) {
        this.ports = ports;
        this.rocks = new EmbeddedRocksDBStateBackend(true);
        this.configuration = new Configuration();
        this.settings = LazySettings.from(configuration);
        this.ignored = new ArrayList<>();
    }

    private LazyStateBackend(
            LazyStateBackend original, ReadableConfig config, ClassLoader classLoader) {
        this.ports = original.ports;
        this.rocks = original.rocks.configure(config, classLoader);
        this.configuration = Configuration.fromMap(relevant(config));
        this.settings = LazySettings.from(config);
        this.ignored = new ArrayList<>(IgnoredOptions.setIn(config));
        this.latencyTrackingConfigBuilder = original.latencyTrackingConfigBuilder.configure(config);
        this.sizeTrackingConfigBuilder = original.sizeTrackingConfigBuilder.configure(config);
    }

    @Override
    public LazyStateBackend configure(ReadableConfig config, ClassLoader classLoader) {
        return new LazyStateBackend(this, config, classLoader);
    }

    @Override
    public boolean supportsNoClaimRestoreMode() {
        return true;
    }

    @Override
    public boolean supportsSavepointFormat(SavepointFormatType formatType) {
        return true;
    }

    @Override
    public <K> AbstractKeyedStateBackend<K> createKeyedStateBackend(
            KeyedStateBackendParameters<K> parameters) throws IOException {
        Changelog.refuseIn(parameters.getEnv());
        if (!ignored.isEmpty()) {
            LOG.info("Options without effect on the lazy state backend: {}", ignored);
        }
        Environment env = parameters.getEnv();
        File tmp = env.getTaskManagerInfo().getTmpWorkingDirectory();
        FlinkInternals.loadRocksDB(tmp.getAbsolutePath());
        File directory = new File(nextDirectory(tmp), directoryName(parameters));
        var shared = // of a type that is not public
                RocksDBOperationUtils.allocateSharedCachesIfConfigured(
                        rocks.getMemoryConfiguration(),
                        env,
                        parameters.getManagedMemoryFraction(),
                        LOG,
                        RocksDBMemoryFactory.DEFAULT);
        UserOptions users = new UserOptions(rocks.getRocksDBOptions());
        RocksDBNativeMetricOptions nativeMetrics =
                users.createNativeMetricsOptions(
                        RocksDBNativeMetricOptions.fromConfig(configuration));
        RocksDBResourceContainer container =
                new RocksDBResourceContainer(
                        configuration,
                        rocks.getPredefinedOptions(),
                        users,
                        shared,
                        directory,
                        nativeMetrics.isStatisticsEnabled());
        // Shares cache and write buffers, and takes none of the user's other options. It is not
        // closed: it has nothing else but what the first one closes, and the overlay.
        RocksDBResourceContainer overlay =
                new RocksDBResourceContainer(
                        overlayConfiguration(),
                        PredefinedOptions.DEFAULT,
                        null,
                        shared,
                        null,
                        false);
        BackendAssembly<K> assembly;
        try {
            assembly =
                    assembly(
                            parameters,
                            directory,
                            container,
                            nativeMetrics,
                            overlay::getColumnOptions);
        } catch (Throwable t) {
            IOUtils.closeQuietly(container);
            throw t;
        }
        return assembly.build();
    }

    private <K> BackendAssembly<K> assembly(
            KeyedStateBackendParameters<K> parameters,
            File directory,
            RocksDBResourceContainer container,
            RocksDBNativeMetricOptions nativeMetrics,
            Supplier<ColumnFamilyOptions> overlay) {
        BackendAssembly.Local local =
                new BackendAssembly.Local(
                        directory,
                        container,
                        nativeMetrics,
                        queueConfig(),
                        RocksDBManualCompactionConfig.from(configuration),
                        rocks.getWriteBatchSize(),
                        overlay);
        BackendAssembly.Tracking tracking =
                new BackendAssembly.Tracking(
                        latencyTrackingConfigBuilder
                                .setMetricGroup(parameters.getMetricGroup())
                                .build(),
                        sizeTrackingConfigBuilder
                                .setMetricGroup(parameters.getMetricGroup())
                                .build());
        return new BackendAssembly<>(parameters, settings, ports, local, tracking);
    }

    @Override
    public OperatorStateBackend createOperatorStateBackend(
            OperatorStateBackendParameters parameters) throws Exception {
        return rocks.createOperatorStateBackend(parameters);
    }

    @Override
    public String toString() {
        return "LazyStateBackend{" + settings + "}";
    }

    private RocksDBPriorityQueueConfig queueConfig() {
        return RocksDBPriorityQueueConfig.fromOtherAndConfiguration(
                RocksDBPriorityQueueConfig.buildWithPriorityQueueType(
                        rocks.getPriorityQueueStateType()),
                configuration);
    }

    /** The size of caches that are not shared; the rest as Flink and RocksDB have it. */
    private Configuration overlayConfiguration() {
        Configuration overlay = new Configuration();
        configuration
                .getOptional(RocksDBConfigurableOptions.BLOCK_CACHE_SIZE)
                .ifPresent(size -> overlay.set(RocksDBConfigurableOptions.BLOCK_CACHE_SIZE, size));
        return overlay;
    }

    private File nextDirectory(File tmp) throws IOException {
        String[] configured = rocks.getDbStoragePaths();
        if (configured == null) {
            return tmp;
        }
        List<File> usable = new ArrayList<>();
        for (String path : configured) {
            File directory = new File(path);
            if (directory.isDirectory() || directory.mkdirs()) {
                usable.add(directory);
            } else {
                LOG.error("The local directory {} cannot be created; it is not used", path);
            }
        }
        if (usable.isEmpty()) {
            throw new IOException(
                    "None of the directories of state.backend.rocksdb.localdir can be created: "
                            + String.join(", ", configured)
                            + "; check that the TaskManager may write there");
        }
        return usable.get(Math.floorMod(NEXT_DIRECTORY.getAndIncrement(), usable.size()));
    }

    private static String directoryName(KeyedStateBackendParameters<?> parameters) {
        return "job_"
                + parameters.getJobID()
                + "_op_"
                + parameters.getOperatorIdentifier().replaceAll("[^a-zA-Z0-9\\-]", "_")
                + "_uuid_"
                + UUID.randomUUID();
    }

    /** Only what is read on a TaskManager: the rest of a configuration may hold secrets. */
    private static Map<String, String> relevant(ReadableConfig config) {
        Map<String, String> relevant = new HashMap<>();
        config.toMap()
                .forEach(
                        (key, value) -> {
                            if (key.startsWith("state.backend.")) {
                                relevant.put(key, value);
                            }
                        });
        return relevant;
    }
}
