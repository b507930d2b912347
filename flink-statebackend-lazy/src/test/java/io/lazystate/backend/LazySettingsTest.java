package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.util.List;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.junit.jupiter.api.Test;

/** Options that are not set, set, and set to what they cannot be. */
class LazySettingsTest {
    private final Configuration config = new Configuration();

    @Test
    void byDefaultThereIsNeitherEdgeCacheNorReplica() {
        LazySettings settings = LazySettings.from(config);
        assertThat(settings.edgeCacheBytes()).isZero();
        assertThat(settings.edgeCacheDirectory()).isNull();
        assertThat(settings.replicas().directories()).isEmpty();
    }

    @Test
    void extentsAreSmallBesideTheLocalBudget() {
        assertThat(LazySettings.from(config).extentBytes()).isEqualTo(64 << 20);
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, MemorySize.ofMebiBytes(160));
        assertThat(LazySettings.from(config).extentBytes()).isEqualTo(5 << 20);
        config.set(LazyStateOptions.EXTENT_SIZE, MemorySize.ofMebiBytes(1));
        assertThat(LazySettings.from(config).extentBytes()).isEqualTo(1 << 20);
    }

    @Test
    void aTinyBudgetStillHasAPageAnExtent() {
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, MemorySize.ofMebiBytes(1));
        assertThat(LazySettings.from(config).extentBytes()).isEqualTo(256 << 10);
    }

    @Test
    void replicasAreOfTheConfiguredCheckpointDirectory() {
        config.setString("state.backend.lazy.replica.dirs", "s3://a/b;file:///c");
        config.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "s3://state/ckp");
        LazySettings settings = LazySettings.from(config);
        assertThat(settings.replicas().directories()).containsExactly("s3://a/b", "file:///c");
        assertThat(settings.replicas().checkpoints()).isEqualTo("s3://state/ckp");
    }

    @Test
    void aReplicaThatIsNoPathIsRefused() {
        config.set(LazyStateOptions.REPLICA_DIRS, List.of("s3://a/b", "::"));
        assertRefused("state.backend.lazy.replica.dirs");
    }

    @Test
    void anEdgeCacheSomewhereRelativeIsRefused() {
        config.set(LazyStateOptions.EDGE_CACHE_DIR, "cache");
        assertRefused("state.backend.lazy.edge-cache.dir");
    }

    private void assertRefused(String option) {
        LazyStateException e =
                catchThrowableOfType(LazyStateException.class, () -> LazySettings.from(config));
        assertThat(e.kind()).isEqualTo(Kind.INVALID);
        assertThat(e).hasMessageContaining(option);
    }
}
