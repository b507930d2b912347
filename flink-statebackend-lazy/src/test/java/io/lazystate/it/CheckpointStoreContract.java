package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.FileStatus;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.core.fs.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What must hold for a job whose checkpoints lie on some file system of Flink's. */
abstract class CheckpointStoreContract {
    /** The URI of a directory for the checkpoints of one case. */
    abstract String directory(String name);

    /** How the store is reached, beside what its file system knows already. */
    Configuration storeSettings() {
        return new Configuration();
    }

    /** Whether Flink deletes the file of a stream whose thread is interrupted in its last write. */
    abstract boolean interruptedWritesLeaveNothing();

    /**
     * Three executions of one job, each from the last checkpoint of the one before: the first fails
     * over within itself and then for good; the second owns nothing of what it starts from, which
     * is deleted behind it; the third owns it, runs with another parallelism and ends.
     */
    @ParameterizedTest
    @ValueSource(strings = {"LAZY", "HYBRID"})
    void aJobGoesOnFromItsCheckpointsWhoeverOwnsThem(String mode) throws Exception {
        String history = getClass().getSimpleName() + mode;
        String first = directory(mode + "-first");
        String second = directory(mode + "-second");
        List<Path> orphans;
        try (LedgerCluster cluster = LedgerCluster.start(mode, storeSettings())) {
            var failed = cluster.run(first, new LedgerJob.Execution(history, 2, 1_000, 2_000));
            assertThat(failed.status()).isEqualTo(JobStatus.FAILED);
            assertThat(cluster.counted(failed.job(), "bytesRead")).isPositive();
            assertThat(failed.latestCheckpoint()).startsWith(first);

            var failedAgain =
                    cluster.resume(
                            failed.latestCheckpoint(),
                            RecoveryClaimMode.NO_CLAIM,
                            second,
                            new LedgerJob.Execution(history, 2, LedgerJob.NEVER, 3_000));
            assertThat(failedAgain.status()).isEqualTo(JobStatus.FAILED);
            assertThat(failedAgain.latestCheckpoint()).startsWith(second);
            assertThat(files(failed.latestCheckpoint())).as("not claimed").isNotEmpty();
            delete(first);
            orphans = files(second);
            orphans.removeAll(filesNamedBy(failedAgain.latestCheckpoint(), orphans));

            var finished =
                    cluster.resume(
                            failedAgain.latestCheckpoint(),
                            RecoveryClaimMode.CLAIM,
                            second,
                            new LedgerJob.Execution(history, 3, 3_500, LedgerJob.NEVER));
            assertThat(finished.status()).isEqualTo(JobStatus.FINISHED);
            if (mode.equals("LAZY")) {
                assertThat(cluster.counted(finished.job(), "faults")).isPositive();
            }
        }
        assertThat(LedgerJob.results(history)).isEqualTo(LedgerJob.expected());
        List<Path> left = files(second);
        left.removeAll(orphans);
        if (!interruptedWritesLeaveNothing()) {
            left.removeIf(file -> file.getPath().contains("/shared/"));
        }
        assertThat(left).as("claimed, so cleared away with the job").isEmpty();
    }

    /**
     * Those of the files that the checkpoint needs. Others are of checkpoints that were under way
     * when the job failed: once its coordinator is gone, nobody clears away what tasks report.
     */
    static List<Path> filesNamedBy(String checkpoint, List<Path> files) throws IOException {
        Path metadata = new Path(checkpoint, "_metadata");
        try (FSDataInputStream in = metadata.getFileSystem().open(metadata)) {
            String text = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
            return files.stream()
                    .filter(file -> file.equals(metadata) || text.contains(file.getName()))
                    .toList();
        }
    }

    static List<Path> files(String directory) throws IOException {
        Path root = new Path(directory);
        FileSystem store = root.getFileSystem();
        List<Path> files = new ArrayList<>();
        FileStatus[] entries = store.exists(root) ? store.listStatus(root) : new FileStatus[0];
        for (FileStatus entry : entries) {
            if (entry.isDir()) {
                files.addAll(files(entry.getPath().toString()));
            } else {
                files.add(entry.getPath());
            }
        }
        return files;
    }

    private static void delete(String directory) throws IOException {
        Path root = new Path(directory);
        root.getFileSystem().delete(root, true);
        assertThat(files(directory)).isEmpty();
    }
}
