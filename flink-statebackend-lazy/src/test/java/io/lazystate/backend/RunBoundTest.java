package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** However many checkpoints complete, a cold read touches a bounded number of runs. */
class RunBoundTest {
    /** Runs of one extent at the most, its base included. */
    static final int MOST_RUNS = 8;

    private static final int CHECKPOINTS = 50;
    private static final int KEYS = 1000;
    private static final ValueStateDescriptor<Long> VALUE =
            new ValueStateDescriptor<>("value", LongSerializer.INSTANCE);
    private static final ListStateDescriptor<Long> LIST =
            new ListStateDescriptor<>("list", LongSerializer.INSTANCE);

    @TempDir Path checkpoints;

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void noExtentNeedsMoreRunsAfterManyCheckpoints(LoadingMode mode) throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.HYDRATION_ENABLED, mode != LoadingMode.LAZY);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        TestTask.Start start = new TestTask.Start(checkpoints, config);
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start)) {
            update(task, KEYS, new Random(1));
            handle = task.checkpoint(1, new TestJobManager());
        }
        TestJobManager jobManager = TestJobManager.recovered(1, handle);
        int most = 0;
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            for (int id = 2; id < 2 + CHECKPOINTS; id++) {
                update(task, KEYS / 50, new Random(id));
                handle = task.checkpoint(id, jobManager);
                for (Extent extent : new WrittenCheckpoint(handle).extents("value")) {
                    most = Math.max(most, extent.runs());
                    assertThat(extent.runs()).isLessThanOrEqualTo(MOST_RUNS);
                }
                for (Extent extent : new WrittenCheckpoint(handle).extents("list")) {
                    assertThat(extent.runs()).isLessThanOrEqualTo(MOST_RUNS);
                }
            }
        }
        assertThat(most).as("the bound was near").isGreaterThan(MOST_RUNS / 2);
    }

    private static void update(TestTask task, int keys, Random random) throws Exception {
        ValueState<Long> value = task.state(VALUE);
        ListState<Long> list = task.state(LIST);
        for (int i = 0; i < keys; i++) {
            task.key(random.nextInt(KEYS));
            value.update(random.nextLong());
            list.add(random.nextLong());
        }
    }
}
