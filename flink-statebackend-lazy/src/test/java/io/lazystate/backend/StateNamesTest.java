package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.metrics.LoadCause;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a job calls its states: none is taken for another, or for something of ours. */
class StateNamesTest {
    private static final int KEYS = 50;

    /** More than the overlay ever has column families, that it is given back and all. */
    private static final int NAMES_OF_OURS = 9;

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final TestJobManager jobManager = new TestJobManager();
    private final List<String> names = new ArrayList<>();
    private TestTask.Start start;

    @BeforeEach
    void configure() {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(1 << 10));
        start = new TestTask.Start(checkpoints, config);
        for (int i = 0; i < NAMES_OF_OURS; i++) {
            names.add("__lazystate_overlay_" + i);
        }
        names.addAll(
                List.of(
                        "lazy",
                        "link",
                        "Default",
                        "a/b",
                        "../..",
                        " ",
                        "\n]",
                        "\"",
                        "[a \"b\"]",
                        "\0",
                        "ü",
                        "𝄞",
                        "\uffff",
                        "x".repeat(2_000)));
    }

    @Test
    void everyNameWorksAlsoBesideAnOverlayOfSeveralGenerations() throws Exception {
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(start)) {
            update(task, 1, 0);
            handle = task.checkpoint(1, jobManager);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            check(task, 1, 0);
            task.database().localSpace().setGenerationBytes(1);
            for (int round = 2; round < 8; round++) {
                update(task, round, round);
                handle = task.checkpoint(round, jobManager);
                check(task, round, round);
            }
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            check(task, 7, 7);
            assertThat(task.metrics().pages(LoadCause.DEMAND).sum()).isPositive();
        }
    }

    /** The names of later generations are not taken when a state is registered that has them. */
    @Test
    void aStateMayBeRegisteredWhenTheOverlayHasItsGenerations() throws Exception {
        KeyedStateHandle handle;
        List<String> all = List.copyOf(names);
        names.retainAll(List.of("lazy"));
        try (TestTask task = TestTask.start(start)) {
            update(task, 1, 0);
            handle = task.checkpoint(1, jobManager);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            task.database().localSpace().setGenerationBytes(1);
            for (int round = 2; round < 5; round++) {
                update(task, round, round);
                handle = task.checkpoint(round, jobManager);
            }
            names.clear();
            names.addAll(all);
            update(task, 5, 0);
            handle = task.checkpoint(5, jobManager);
        }
        try (TestTask task = TestTask.restore(start, List.of(handle))) {
            check(task, 5, 0);
        }
    }

    /** Flink refuses it for its RocksDB backend, in the same words. */
    @Test
    void theOneNameThatRocksDbNeedsIsRefusedByFlink() throws Exception {
        try (TestTask ours = TestTask.start(start);
                TestTask flinks =
                        TestTask.ofFlink(start, new EmbeddedRocksDBStateBackend(), List.of())) {
            for (TestTask task : List.of(ours, flinks)) {
                assertThatThrownBy(() -> state(task, "default"))
                        .hasStackTraceContaining("collides with the name of the default column");
            }
        }
    }

    /** Values that differ from state to state; keys from {@code from} on. */
    private void update(TestTask task, int version, int from) throws Exception {
        for (String name : names) {
            ValueState<String> state = state(task, name);
            for (long key = from; key < KEYS; key++) {
                task.key(key);
                state.update(value(name, version, key));
            }
        }
    }

    /** Keys below {@code from} have the value of the round in which they were written last. */
    private void check(TestTask task, int version, int from) throws Exception {
        for (String name : names) {
            ValueState<String> state = state(task, name);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                int written = key >= from ? version : key < 2 ? 1 : (int) key;
                assertThat(state.value()).isEqualTo(value(name, written, key));
            }
        }
    }

    private static String value(String name, int version, long key) {
        return version + " of " + key + " in " + name.hashCode();
    }

    private static ValueState<String> state(TestTask task, String name) throws Exception {
        return task.state(new ValueStateDescriptor<>(name, StringSerializer.INSTANCE));
    }
}
