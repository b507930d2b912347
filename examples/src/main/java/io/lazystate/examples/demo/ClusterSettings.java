package io.lazystate.examples.demo;

import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.ClusterOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;

/** Builds Flink's configuration for one run of the demo. */
final class ClusterSettings {
    private static final String LOOPBACK = "127.0.0.1";
    private static final MemorySize MANAGED = MemorySize.ofMebiBytes(256);
    private static final MemorySize NETWORK = MemorySize.ofMebiBytes(64);
    private static final int RESTARTS = 3;

    private ClusterSettings() {}

    /**
     * @param backendType value of {@code state.backend.type}
     * @param store name of the emulated store that takes the checkpoints
     */
    static Configuration of(
            String backendType, String loadingMode, String store, ClusterFolders folders) {
        Configuration settings = new Configuration();
        settings.set(StateBackendOptions.STATE_BACKEND, backendType);
        settings.setString("state.backend.lazy.loading-mode", loadingMode);
        settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        settings.set(
                CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints(store, folders.store()));
        // Flink takes a checkpoint at each start and restart; the demo itself triggers the others.
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofDays(1));
        settings.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
        settings.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, RESTARTS);
        settings.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_DELAY, Duration.ZERO);
        settings.set(CoreOptions.TMP_DIRS, folders.temporary().toString());
        settings.set(ClusterOptions.PROCESS_WORKING_DIR_BASE, folders.work().toString());
        settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MANAGED);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MIN, NETWORK);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, NETWORK);
        settings.set(TaskManagerOptions.HOST, LOOPBACK);
        settings.set(TaskManagerOptions.BIND_HOST, LOOPBACK);
        settings.set(JobManagerOptions.ADDRESS, LOOPBACK);
        settings.set(JobManagerOptions.BIND_HOST, LOOPBACK);
        settings.set(RestOptions.ADDRESS, LOOPBACK);
        settings.set(RestOptions.BIND_ADDRESS, LOOPBACK);
        settings.setString(
                "metrics.reporter.demo.factory.class", LoadingReporterFactory.class.getName());
        return settings;
    }

    private static String checkpoints(String store, Path folder) {
        return "slow://" + store + folder.toAbsolutePath();
    }
}
