package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keyed state in Flink's batch mode, in a cluster that is configured for this backend. */
class BatchJobIT {
    private static LedgerCluster cluster;

    @BeforeAll
    static void startCluster() throws Exception {
        cluster = LedgerCluster.start("HYBRID");
    }

    @AfterAll
    static void stopCluster() throws Exception {
        cluster.close();
    }

    /**
     * By default the input is sorted and Flink keeps one key's state at a time itself; without, the
     * state is in the configured backend, over sorted input or not.
     */
    @ParameterizedTest
    @CsvSource({"true, true", "false, true", "false, false"})
    void aJobHasTheSameResultsAsInStreamingMode(boolean flinksBackend, boolean sorted)
            throws Exception {
        Configuration settings = new Configuration();
        settings.set(ExecutionOptions.USE_BATCH_STATE_BACKEND, flinksBackend);
        settings.set(ExecutionOptions.SORT_INPUTS, sorted);
        String history = "batch " + flinksBackend + sorted;

        var finished =
                cluster.runBatch(
                        new LedgerJob.Execution(history, 2, LedgerJob.NEVER, LedgerJob.NEVER),
                        settings);

        assertThat(finished.status()).as("%s", finished.failure()).isEqualTo(JobStatus.FINISHED);
        assertThat(cluster.usedLazyBackend(finished.job())).isEqualTo(!flinksBackend);
        assertThat(LedgerJob.results(history)).isEqualTo(LedgerJob.expected());
    }
}
