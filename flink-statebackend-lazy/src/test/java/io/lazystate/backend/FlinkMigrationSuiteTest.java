package io.lazystate.backend;

import java.util.Arrays;
import java.util.List;
import org.apache.flink.runtime.state.CheckpointStorage;
import org.apache.flink.runtime.state.StateBackendMigrationTestBase;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameter;
import org.apache.flink.testutils.junit.extensions.parameterized.ParameterizedTestExtension;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameters;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Flink's suite for serializers that change between runs, in every loading mode. */
@ExtendWith(ParameterizedTestExtension.class)
class FlinkMigrationSuiteTest extends StateBackendMigrationTestBase<LazyStateBackend> {
    @RegisterExtension
    static final SuiteTally TALLY =
            new SuiteTally(new SuiteTally.Cases(32, 0), SuiteTally.FAULTS, SuiteTally.COLD_WRITES)
                    .migrating();

    @Parameter public SuiteMode mode;

    @Parameters(name = "{0}")
    static List<SuiteMode> modes() {
        return Arrays.asList(SuiteMode.values());
    }

    @Override
    protected LazyStateBackend getStateBackend() {
        return TALLY.backend(mode);
    }

    @Override
    protected CheckpointStorage getCheckpointStorage() {
        return new FileSystemCheckpointStorage(tempFolder.toUri(), 0);
    }
}
