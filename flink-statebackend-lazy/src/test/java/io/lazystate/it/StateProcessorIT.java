package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.LazyStateBackend;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.api.OperatorIdentifier;
import org.apache.flink.state.api.SavepointReader;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Flink's State Processor API reads what a job with this backend left: each key, and its timers.
 */
class StateProcessorIT {
    private static final String JOB = "read by the State Processor API";
    private static final int CHECKPOINTS = 3;

    /** More than the reader finds. */
    private static final int LIMIT = 4 * LedgerJob.KEYS;

    @TempDir static Path root;

    private static String checkpoint;
    private static String canonicalSavepoint;
    private static String nativeSavepoint;

    /** All of them of one job: a checkpoint with deltas, then the savepoints, one after another. */
    @BeforeAll
    static void runAJob() throws Exception {
        try (LedgerCluster cluster = LedgerCluster.start("LAZY")) {
            JobID job =
                    cluster.submit(
                            directory("checkpoints"),
                            new LedgerJob.Execution(JOB, 2, LedgerJob.NEVER, LedgerJob.NEVER));
            int completed = 0;
            while (completed < CHECKPOINTS) {
                LedgerJob.awaitEventsAfter(completed, JOB);
                checkpoint = cluster.checkpoint(job);
                completed++;
            }
            LedgerJob.awaitEventsAfter(completed, JOB);
            canonicalSavepoint =
                    cluster.savepoint(job, directory("canonical"), SavepointFormatType.CANONICAL);
            completed++;
            LedgerJob.awaitEventsAfter(completed, JOB);
            nativeSavepoint =
                    cluster.savepoint(job, directory("native"), SavepointFormatType.NATIVE);
            cluster.cancel(job);
        }
    }

    @ParameterizedTest
    @EnumSource(RuntimeExecutionMode.class)
    void aCheckpoint(RuntimeExecutionMode mode) throws Exception {
        Configuration config = new Configuration();
        config.set(ExecutionOptions.RUNTIME_MODE, mode);
        assertIsWhole(read(checkpoint, new LazyStateBackend(), config), CHECKPOINTS);
    }

    @Test
    void aCheckpointWithTheBackendThatTheConfigurationNames() throws Exception {
        Configuration config = new Configuration();
        config.set(
                StateBackendOptions.STATE_BACKEND, "io.lazystate.backend.LazyStateBackendFactory");
        config.setString("state.backend.lazy.loading-mode", "LAZY");
        config.setString("state.backend.lazy.hydration.enabled", "false");
        assertIsWhole(read(checkpoint, null, config), CHECKPOINTS);
    }

    @Test
    void aCanonicalSavepointWithThisBackendAndWithAnother() throws Exception {
        Configuration config = new Configuration();
        Map<Long, String> found = read(canonicalSavepoint, new LazyStateBackend(), config);
        assertIsWhole(found, CHECKPOINTS + 1);
        assertThat(read(canonicalSavepoint, new HashMapStateBackend(), config)).isEqualTo(found);
    }

    @Test
    void aNativeSavepoint() throws Exception {
        assertIsWhole(
                read(nativeSavepoint, new LazyStateBackend(), new Configuration()),
                CHECKPOINTS + 2);
    }

    /** That of all events up to some one: what every checkpoint lets pass is less than exact. */
    private static void assertIsWhole(Map<Long, String> found, int checkpoints) {
        long sum =
                found.values().stream()
                        .mapToLong(report -> Long.parseLong(report.split(" ")[0]))
                        .sum();
        long events = Math.round(Math.sqrt(2.0 * sum) + 0.5); // sum = events * (events - 1) / 2
        assertThat(events)
                .isGreaterThanOrEqualTo((long) checkpoints * LedgerJob.EVENTS_A_CHECKPOINT);
        assertThat(found).isEqualTo(LedgerJob.expectedAfter(events));
    }

    /**
     * What the reader finds, by key. Flink's RocksDB code compares bytes as signed when it merges
     * the keys of two states, and repeats some.
     */
    private static Map<Long, String> read(
            String snapshot, StateBackend backend, Configuration config) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(config);
        env.setParallelism(3);
        SavepointReader reader =
                backend == null
                        ? SavepointReader.read(env, snapshot)
                        : SavepointReader.read(env, snapshot, backend);
        Map<Long, String> found = new TreeMap<>();
        List<Tuple2<Long, String>> reports =
                reader.readKeyedState(
                                OperatorIdentifier.forUid("ledger"),
                                new LedgerReader(),
                                Types.LONG,
                                Types.TUPLE(Types.LONG, Types.STRING))
                        .executeAndCollect(LIMIT);
        assertThat(reports).hasSizeLessThan(LIMIT);
        for (Tuple2<Long, String> report : reports) {
            String before = found.put(report.f0, report.f1);
            assertThat(before).as("key %s", report.f0).isIn(null, report.f1);
        }
        return found;
    }

    private static String directory(String name) {
        return "file:" + root.resolve(name);
    }
}
