package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * However a state is changed, less than half of its live bytes is superseded after each checkpoint,
 * reads touch a bounded number of runs, and that costs a bounded number of written bytes.
 */
class SpaceBoundTest {
    private static final int KEYS = 20_000;
    private static final int VALUE_BYTES = 1_000;

    /** The key group, the key, the value, and some bytes for index and filter. */
    private static final long LIVE_BYTES_A_ROW = 1 + 8 + VALUE_BYTES + 20;

    private static final ValueStateDescriptor<byte[]> VALUE =
            new ValueStateDescriptor<>("value", BytePrimitiveArraySerializer.INSTANCE);

    /** How a state is changed between two checkpoints, and how many of them there are. */
    private interface Load {
        void change(State state, int round) throws Exception;
    }

    /** A state and which keys it has. */
    private static final class State {
        final TestTask task;
        final ValueState<byte[]> value;
        final Random random = new Random(1);
        final SortedSet<Long> keys = new TreeSet<>();
        long written;

        State(TestTask task) throws Exception {
            this.task = task;
            this.value = task.state(VALUE);
        }

        void put(long key) throws Exception {
            byte[] bytes = new byte[VALUE_BYTES];
            random.nextBytes(bytes);
            task.key(key);
            value.update(bytes);
            keys.add(key);
            written++;
        }

        void remove(long key) {
            task.key(key);
            value.clear();
            keys.remove(key);
            written++;
        }
    }

    @TempDir Path checkpoints;

    static Stream<Arguments> loads() {
        return Stream.of(
                load("1 % evenly", 60, 6.5, uniform(KEYS / 100)),
                load("5 % evenly", 40, 6.5, uniform(KEYS / 20)),
                load("10 % evenly", 20, 6.5, uniform(KEYS / 10)),
                load("60 % evenly", 6, 2.5, uniform(KEYS * 6 / 10)),
                load("mostly the same keys", 40, 6.5, SpaceBoundTest::skewed),
                load("new keys for old ones, as windows do", 40, 6.5, SpaceBoundTest::windows),
                load("half of the keys removed little by little", 20, 12, SpaceBoundTest::shrink));
    }

    private static Arguments load(String name, int rounds, double mostWritten, Load load) {
        return Arguments.of(name, rounds, mostWritten, load);
    }

    private static Load uniform(int changes) {
        return (state, round) -> {
            for (int i = 0; i < changes; i++) {
                state.put(state.random.nextInt(KEYS));
            }
        };
    }

    private static void skewed(State state, int round) throws Exception {
        for (int i = 0; i < KEYS / 20; i++) {
            double uniform = state.random.nextDouble();
            state.put((long) (KEYS * Math.pow(uniform, 8)));
        }
    }

    private static void windows(State state, int round) throws Exception {
        for (int i = 0; i < KEYS / 20; i++) {
            state.remove(state.keys.first());
            state.put(state.keys.last() + 1);
        }
    }

    private static void shrink(State state, int round) {
        for (int i = 0; i < KEYS / 40; i++) {
            SortedSet<Long> from = state.keys.tailSet((long) state.random.nextInt(KEYS));
            state.remove(from.isEmpty() ? state.keys.first() : from.first());
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("loads")
    void lessThanHalfIsSuperseded(String name, int rounds, double mostWritten, Load load)
            throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.PAGE_SIZE, MemorySize.ofMebiBytes(1).divide(16));
        config.set(LazyStateOptions.EXTENT_SIZE, MemorySize.ofMebiBytes(1));
        TestJobManager jobManager = new TestJobManager();
        double mostSuperseded = 0;
        double mostReferred = 0;
        int mostFolded = 0;
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            State state = new State(task);
            for (long key = 0; key < KEYS; key++) {
                state.put(key);
            }
            task.checkpoint(1, jobManager);
            CheckpointMetrics metrics = task.written();
            long writtenBefore = written(metrics);
            state.written = 0;
            for (int round = 2; round < 2 + rounds; round++) {
                load.change(state, round);
                long folded = metrics.checkpointExtentsFolded().sum();
                KeyedStateHandle handle = task.checkpoint(round, jobManager);
                double live = LIVE_BYTES_A_ROW * state.keys.size();
                StateLayout layout = new WrittenCheckpoint(handle).manifest().states().get("value");
                mostSuperseded = Math.max(mostSuperseded, bytes(layout) / live - 1);
                mostReferred = Math.max(mostReferred, bytes(handle) / live - 1);
                mostFolded =
                        (int)
                                Math.max(
                                        mostFolded,
                                        metrics.checkpointExtentsFolded().sum() - folded);
                for (Extent extent : layout.extents()) {
                    assertThat(extent.runs()).isLessThanOrEqualTo(RunBoundTest.MOST_RUNS);
                }
            }
            double cost =
                    (written(metrics) - writtenBefore)
                            / (double) (LIVE_BYTES_A_ROW * state.written);
            System.out.printf(
                    "SpaceBoundTest, %s: superseded %.2f of live, referred to %.2f, written %.2f"
                            + " bytes a changed byte, folded %d extents at once%n",
                    name, mostSuperseded, mostReferred, cost, mostFolded);
            assertThat(mostSuperseded).as("superseded").isLessThan(0.5);
            assertThat(cost).as("bytes written for each changed byte").isLessThan(mostWritten);
        }
    }

    private static long written(CheckpointMetrics metrics) {
        return metrics.checkpointDeltaBytes().sum() + metrics.checkpointBaseBytes().sum();
    }

    private static double bytes(StateLayout layout) {
        return layout.objects().stream().mapToLong(StoredObject::length).sum();
    }

    private static double bytes(KeyedStateHandle handle) {
        return ((IncrementalRemoteKeyedStateHandle) handle)
                .getSharedState().stream().mapToLong(file -> file.getHandle().getStateSize()).sum();
    }
}
