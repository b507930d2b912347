package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.LazyStateOptions;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.it.FaultyS3.Fault;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.FileUtils;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Jobs that restore over a store that refuses, cuts and delays reads, and has lost an object.
 *
 * <p>Only our own connections meet the faults: Flink's file system, which writes, asks the server
 * itself. No job may restart, so one that finishes never failed.
 */
class StoreFaultsIT {
    private static final String ENDPOINT = "s3.endpoint";

    /**
     * With this one, sixty requests meet every fault, more than once; a case sends twice as many.
     */
    private static final long SEED = 5;

    @TempDir static java.nio.file.Path root;

    private static S3Server server;

    private final Configuration job = new Configuration();
    private FaultyS3 store;

    @BeforeAll
    static void startServer() throws Exception {
        server = S3Server.start(java.nio.file.Path.of(System.getProperty("s3.server")), root);
        FileSystem.initialize(server.clientSettings(), null);
    }

    @AfterAll
    static void stopServer() throws Exception {
        FileSystem.initialize(new Configuration(), null);
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void openStore() throws IOException {
        store =
                FaultyS3.before(
                        URI.create(server.clientSettings().getString(ENDPOINT, null)), SEED);
        job.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        // State is so small here that all of it would be in the checkpoint's metadata.
        job.set(CheckpointingOptions.FS_SMALL_FILE_THRESHOLD, new MemorySize(1 << 10));
        job.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(16 << 10));
    }

    @AfterEach
    void closeStore() throws IOException {
        store.close();
    }

    @ParameterizedTest
    @CsvSource({"LAZY, NO_CLAIM", "HYBRID, CLAIM"})
    void noResultIsWrongAndNoJobFailsIfAReplicaHasWhatIsLost(
            String mode, RecoveryClaimMode claimMode) throws Exception {
        String history = "replica-" + mode;
        String replica = history + "-copy";
        try (LedgerCluster cluster = LedgerCluster.start(mode, throughFaults())) {
            String checkpoint = checkpoint(cluster, history);
            copy(checkpoint, history, replica);
            loseOneOf(checkpoint, history);
            job.set(LazyStateOptions.REPLICA_DIRS, List.of(directory(replica)));

            var end = resume(cluster, checkpoint, claimMode, history);

            assertThat(end.failure()).isNull();
            assertThat(end.status()).isEqualTo(JobStatus.FINISHED);
            assertThat(cluster.counted(end.job(), "replicaReads")).isPositive();
            assertThat(cluster.counted(end.job(), "storeRetries")).isPositive();
        }
        for (Fault fault : Fault.values()) {
            assertThat(store.met(fault)).as("%s", fault).isPositive();
        }
        assertThat(LedgerJob.results(history)).isEqualTo(LedgerJob.expected());
    }

    @ParameterizedTest
    @ValueSource(strings = {"LAZY", "HYBRID"})
    void whatIsLostEverywhereFailsTheJobByItsName(String mode) throws Exception {
        String history = "lost-" + mode;
        try (LedgerCluster cluster = LedgerCluster.start(mode, throughFaults())) {
            String checkpoint = checkpoint(cluster, history);
            Path lost = loseOneOf(checkpoint, history);

            var end = resume(cluster, checkpoint, RecoveryClaimMode.CLAIM, history);

            assertThat(end.status()).isEqualTo(JobStatus.FAILED);
            LazyStateException e =
                    ExceptionUtils.findThrowable(end.failure(), LazyStateException.class)
                            .orElseThrow();
            assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
            assertThat(e).hasMessageContaining(lost.toString());
        }
        assertThat(LedgerJob.expected()).containsAllEntriesOf(LedgerJob.results(history));
    }

    /**
     * The first checkpoint of a job that does not own what it starts from copies all of it, whether
     * or not anybody reads it.
     */
    @ParameterizedTest
    @ValueSource(strings = {"LAZY", "HYBRID"})
    void whatIsLostEverywhereFailsTheJobThatMustCopyItByItsName(String mode) throws Exception {
        String history = "lost-copied-" + mode;
        job.set(LazyStateOptions.HYDRATION_ENABLED, false);
        try (LedgerCluster cluster = LedgerCluster.start(mode, throughFaults())) {
            String checkpoint = checkpoint(cluster, history);
            Path lost = loseOneOf(checkpoint, history);

            var end =
                    cluster.resume(
                            checkpoint,
                            RecoveryClaimMode.NO_CLAIM,
                            directory(history + "-next"),
                            execution(history).whileIdle(),
                            job);

            assertThat(end.status()).isEqualTo(JobStatus.FAILED);
            assertThat(end.failure().getCause())
                    .hasMessageContaining("Checkpoint")
                    .hasMessageContaining("CORRUPT")
                    .hasMessageContaining(lost.toString());
            String exceptions = cluster.rest("/jobs/" + end.job() + "/exceptions");
            assertThat(exceptions)
                    .as("as the web interface shows it")
                    .contains(lost.toString())
                    .doesNotContain("tolerable failure");
        }
    }

    private Configuration throughFaults() {
        Configuration settings = server.clientSettings();
        settings.setString(ENDPOINT, store.endpoint().toString());
        return settings;
    }

    private static String directory(String name) {
        return "s3://" + S3Server.BUCKET + "/" + name;
    }

    /** Copies what the checkpoint needs, behind the server's back. */
    private static void copy(String checkpoint, String from, String to) throws IOException {
        java.nio.file.Path bucket = root.resolve("objects").resolve(S3Server.BUCKET);
        for (Path file : filesOf(checkpoint, from)) {
            String name = file.toString().substring(directory(from).length() + 1);
            FileUtils.copy(
                    new Path(bucket.resolve(from).resolve(name).toUri()),
                    new Path(bucket.resolve(to).resolve(name).toUri()),
                    false);
        }
    }

    private static List<Path> filesOf(String checkpoint, String name) throws IOException {
        return CheckpointStoreContract.filesNamedBy(
                checkpoint, CheckpointStoreContract.files(directory(name)));
    }

    /** The last checkpoint of a job that failed. */
    private String checkpoint(LedgerCluster cluster, String history) throws Exception {
        var failed =
                cluster.run(
                        directory(history),
                        new LedgerJob.Execution(history, 2, LedgerJob.NEVER, 2_000),
                        job);
        assertThat(failed.latestCheckpoint()).startsWith(directory(history));
        return failed.latestCheckpoint();
    }

    private LedgerCluster.Outcome resume(
            LedgerCluster cluster, String checkpoint, RecoveryClaimMode claimMode, String history)
            throws Exception {
        return cluster.resume(
                checkpoint, claimMode, directory(history + "-next"), execution(history), job);
    }

    private static LedgerJob.Execution execution(String history) {
        return new LedgerJob.Execution(history, 3, LedgerJob.NEVER, LedgerJob.NEVER);
    }

    /** Deletes the largest of the shared objects that the checkpoint needs. */
    private static Path loseOneOf(String checkpoint, String history) throws IOException {
        FileSystem files = new Path(checkpoint).getFileSystem();
        Path largest = null;
        long most = -1;
        for (Path file : filesOf(checkpoint, history)) {
            long bytes = files.getFileStatus(file).getLen();
            if (file.getPath().contains("/shared/") && bytes > most) {
                most = bytes;
                largest = file;
            }
        }
        assertThat(largest).isNotNull();
        assertThat(files.delete(largest, false)).isTrue();
        return largest;
    }
}
