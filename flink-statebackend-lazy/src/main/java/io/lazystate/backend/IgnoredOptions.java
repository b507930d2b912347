package io.lazystate.backend;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;

/**
 * Flink's options that have no effect on this backend; docs/operations.md tells why, option by
 * option.
 */
final class IgnoredOptions {
    private static final List<ConfigOption<?>> IGNORED =
            List.of(
                    RocksDBOptions.CHECKPOINT_TRANSFER_THREAD_NUM,
                    RocksDBConfigurableOptions.RESTORE_OVERLAP_FRACTION_THRESHOLD,
                    RocksDBConfigurableOptions.USE_INGEST_DB_RESTORE_MODE,
                    RocksDBConfigurableOptions.INCREMENTAL_RESTORE_ASYNC_COMPACT_AFTER_RESCALE,
                    RocksDBConfigurableOptions.USE_DELETE_FILES_IN_RANGE_DURING_RESCALING);

    private IgnoredOptions() {}

    /** The keys of those that are set to something that will not happen. */
    static List<String> setIn(ReadableConfig config) {
        List<String> keys = new ArrayList<>();
        for (ConfigOption<?> option : IGNORED) {
            if (config.getOptional(option).isPresent()) {
                keys.add(option.key());
            }
        }
        if (!config.get(CheckpointingOptions.INCREMENTAL_CHECKPOINTS)
                && config.getOptional(CheckpointingOptions.INCREMENTAL_CHECKPOINTS).isPresent()) {
            keys.add(CheckpointingOptions.INCREMENTAL_CHECKPOINTS.key());
        }
        if (config.get(StateRecoveryOptions.LOCAL_RECOVERY)) {
            keys.add(StateRecoveryOptions.LOCAL_RECOVERY.key());
        }
        return keys;
    }
}
