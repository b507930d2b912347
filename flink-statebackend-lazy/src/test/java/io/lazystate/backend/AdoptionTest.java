package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A job goes on from an ordinary checkpoint of Flink's RocksDB backend. */
class AdoptionTest {
    private static final int KEYS = 600;

    private ScratchDirectory directory;
    private Path checkpoints;
    private Path local;

    private final Configuration config = new Configuration();
    private final JobID job = new JobID();
    private TestJobManager jobManager;
    private CompletedCheckpoint completed;

    @BeforeEach
    void configure() throws Exception {
        directory = new ScratchDirectory("adoption");
        checkpoints = Files.createDirectory(directory.path().resolve("checkpoints"));
        local = Files.createDirectory(directory.path().resolve("local"));
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(2 << 10));
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        jobManager = new TestJobManager(start(KeyGroupRange.of(0, 0)).storage(job), 1);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        try (ScratchDirectory used = directory) {
            Leftovers.assertNone(local, used.path());
        }
    }

    /**
     * @param incremental whether Flink's backend takes incremental checkpoints
     * @param before subtasks of Flink's backend
     * @param after subtasks of this one
     */
    @ParameterizedTest
    @CsvSource({"true, 1, 1", "true, 1, 3", "true, 3, 2", "false, 1, 1", "false, 2, 3"})
    void goesOnAndItsNextCheckpointIsRestoredLazily(boolean incremental, int before, int after)
            throws Exception {
        Map<String, String> rows = new TreeMap<>();
        List<TestTask> tasks = new ArrayList<>();
        try {
            List<SampleStates> states = new ArrayList<>();
            for (KeyGroupRange range : ranges(before)) {
                TestTask task =
                        TestTask.ofFlink(
                                start(range),
                                new EmbeddedRocksDBStateBackend(incremental),
                                List.of());
                tasks.add(task);
                states.add(new SampleStates(task, range));
            }
            for (int id = 1; id < 4; id++) {
                for (SampleStates each : states) {
                    each.update(id, KEYS, id);
                }
                checkpoint(id, tasks);
            }
            for (TestTask task : tasks) {
                rows.putAll(LogicalRows.of(task));
            }
        } finally {
            tasks.forEach(TestTask::close);
        }

        Map<String, String> adopted = new TreeMap<>();
        Map<String, String> changed = new TreeMap<>();
        tasks.clear();
        try {
            for (KeyGroupRange range : ranges(after)) {
                TestTask task = TestTask.restore(start(range), handles(range));
                tasks.add(task);
                adopted.putAll(LogicalRows.of(task));
                new SampleStates(task, range).update(4, KEYS, 7);
                changed.putAll(LogicalRows.of(task));
            }
            checkpoint(4, tasks);
        } finally {
            tasks.forEach(TestTask::close);
        }
        assertThat(adopted).isEqualTo(rows);

        Map<String, String> restored = new TreeMap<>();
        for (KeyGroupRange range : ranges(after)) {
            Collection<KeyedStateHandle> handles = handles(range);
            int extents = 0;
            for (String state : SampleStates.NAMES) {
                for (KeyedStateHandle handle : handles) {
                    extents += new WrittenCheckpoint(handle).extents(state).size();
                }
            }
            assertThat(extents).isGreaterThan(5);
            try (TestTask task = TestTask.restore(start(range), handles)) {
                assertThat(task.reads().fileReads()).isZero();
                assertThat(task.database().coldExtents()).hasSizeGreaterThanOrEqualTo(extents);
                restored.putAll(LogicalRows.of(task));
            }
        }
        assertThat(restored).isEqualTo(changed);
    }

    private void checkpoint(long id, List<TestTask> tasks) throws Exception {
        jobManager.trigger(id, tasks.size(), TestJobManager.CHECKPOINT);
        for (int i = 0; i < tasks.size(); i++) {
            completed = jobManager.acknowledge(id, i, tasks.get(i).snapshot(id));
        }
        for (TestTask task : tasks) {
            task.backend().notifyCheckpointComplete(id);
        }
    }

    /** As the metadata describes them. */
    private Collection<KeyedStateHandle> handles(KeyGroupRange keyGroups) throws Exception {
        return TestJobManager.handles(
                jobManager.load(completed.getExternalPointer(), TestJobManager.CHECKPOINT),
                keyGroups);
    }

    private static List<KeyGroupRange> ranges(int subtasks) {
        List<KeyGroupRange> ranges = new ArrayList<>();
        int each = TestTask.MAX_PARALLELISM / subtasks;
        for (int i = 0; i < subtasks; i++) {
            int end = i + 1 < subtasks ? (i + 1) * each : TestTask.MAX_PARALLELISM;
            ranges.add(KeyGroupRange.of(i * each, end - 1));
        }
        return ranges;
    }

    private TestTask.Start start(KeyGroupRange keyGroups) {
        return new TestTask.Start(
                checkpoints, config, keyGroups, store -> store, job, TestTask.MAX_PARALLELISM);
    }
}
