package io.lazystate.it;

import java.time.Duration;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;

/** Checkpoints whose barriers overtake records, which are then in the checkpoint. */
class UnalignedCheckpointIT extends FileCheckpointIT {
    @Override
    Configuration storeSettings() {
        Configuration settings = new Configuration();
        settings.set(CheckpointingOptions.ENABLE_UNALIGNED, true);
        settings.set(CheckpointingOptions.ALIGNED_CHECKPOINT_TIMEOUT, Duration.ZERO);
        return settings;
    }
}
