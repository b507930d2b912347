package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.testutils.logging.LoggerAuditingExtension;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.event.Level;

/** What a restore tells in the log. */
class RestoreLogTest {
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("orders", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    @RegisterExtension
    private final LoggerAuditingExtension log =
            new LoggerAuditingExtension(CheckpointRestore.class, Level.INFO);

    @RegisterExtension
    private final LoggerAuditingExtension warnings =
            new LoggerAuditingExtension(RestoredState.class, Level.WARN);

    private final Configuration config = new Configuration();
    private KeyedStateHandle handle;
    private int extents;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < 500; key++) {
                task.key(key);
                state.update("value " + key);
            }
            handle = task.checkpoint(42, new TestJobManager());
        }
        extents = new WrittenCheckpoint(handle).extents("orders").size();
    }

    @Test
    void oneLineSaysFromWhatAndHowMuchIsCold() throws Exception {
        assertThat(restored())
                .singleElement()
                .asString()
                .startsWith("Restored op from checkpoint 42 (1 handles) in ")
                .contains(
                        " in mode HYBRID of LazySettings",
                        extents + " of " + extents + " extents, ")
                .endsWith(coldBytes() + " of " + coldBytes() + " bytes are cold");
    }

    @Test
    void statesThatAreThereCauseNoWarning() throws Exception {
        config.set(LazyStateOptions.PRELOAD_STATES, List.of("orders"));
        assertThat(restored())
                .singleElement()
                .asString()
                .contains("0 of " + extents + " extents, 0 of " + coldBytes() + " bytes are cold");
        assertThat(warnings.getMessages()).isEmpty();
    }

    @Test
    void statesThatAreNotThereAreNamed() throws Exception {
        config.set(LazyStateOptions.PRELOAD_STATES, List.of("order", "orders", "ordres"));
        assertThat(restored()).hasSize(1);
        assertThat(warnings.getMessages())
                .singleElement()
                .isEqualTo(
                        "state.backend.lazy.preload.states names states that op does not have:"
                                + " [order, ordres]; it has [orders]");
    }

    private List<String> restored() throws Exception {
        TestTask.restore(new TestTask.Start(checkpoints, config), List.of(handle)).close();
        return log.getMessages();
    }

    private long coldBytes() throws Exception {
        return new WrittenCheckpoint(handle)
                .runs("orders").stream().mapToLong(run -> run.meta().tableBytes()).sum();
    }
}
