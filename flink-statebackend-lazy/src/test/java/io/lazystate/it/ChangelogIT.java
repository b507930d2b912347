package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateChangelogOptions;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flink's changelog in a job of this backend, and in one that moves to it. */
class ChangelogIT {
    @TempDir static Path root;

    @Test
    void aJobThatSwitchesItOnFailsAtTheStartAndSaysWhy() throws Exception {
        Configuration changelog = new Configuration();
        changelog.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, true);
        try (LedgerCluster cluster = LedgerCluster.start("LAZY")) {
            var refused =
                    cluster.run(
                            directory("refused"),
                            new LedgerJob.Execution("refused", 2, LedgerJob.NEVER, LedgerJob.NEVER),
                            changelog);
            assertThat(refused.status()).isEqualTo(JobStatus.FAILED);
            assertThat(refused.latestCheckpoint()).isNull();
            assertThat(ExceptionUtils.findThrowable(refused.failure(), LazyStateException.class))
                    .hasValueSatisfying(
                            e -> {
                                assertThat(e.kind()).isEqualTo(Kind.INVALID);
                                assertThat(e)
                                        .hasMessageContaining("state.changelog.enabled is true");
                            });
        }
        assertThat(LedgerJob.results("refused")).isEmpty();
    }

    /** Its checkpoint has what Flink's backend had materialized, and changes since then. */
    @Test
    void aCheckpointThatFlinksBackendTookWithItIsRestoredWithoutIt() throws Exception {
        Configuration flinks = new Configuration();
        flinks.set(StateBackendOptions.STATE_BACKEND, "rocksdb");
        flinks.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, true);
        flinks.set(StateChangelogOptions.PERIODIC_MATERIALIZATION_INTERVAL, Duration.ofMillis(300));
        String checkpoints = directory("moved");
        try (LedgerCluster cluster = LedgerCluster.start("LAZY")) {
            var failed =
                    cluster.run(
                            checkpoints,
                            new LedgerJob.Execution("moved", 2, LedgerJob.NEVER, 3_000),
                            flinks);
            assertThat(failed.status()).isEqualTo(JobStatus.FAILED);
            var finished =
                    cluster.resume(
                            failed.latestCheckpoint(),
                            RecoveryClaimMode.NO_CLAIM,
                            checkpoints,
                            new LedgerJob.Execution("moved", 3, 3_500, LedgerJob.NEVER));
            assertThat(finished.status())
                    .as("%s", finished.failure())
                    .isEqualTo(JobStatus.FINISHED);
            assertThat(cluster.counted(finished.job(), "faults")).isPositive();
        }
        assertThat(LedgerJob.results("moved")).isEqualTo(LedgerJob.expected());
    }

    private static String directory(String name) {
        return "file:" + root.resolve(name);
    }
}
