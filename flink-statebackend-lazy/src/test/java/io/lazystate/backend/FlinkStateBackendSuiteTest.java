package io.lazystate.backend;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.runtime.state.CheckpointStorage;
import org.apache.flink.runtime.state.StateBackendTestBase;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameter;
import org.apache.flink.testutils.junit.extensions.parameterized.ParameterizedTestExtension;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameters;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Flink's suite for state backends, in every loading mode. */
@ExtendWith(ParameterizedTestExtension.class)
class FlinkStateBackendSuiteTest extends StateBackendTestBase<LazyStateBackend> {
    @RegisterExtension
    static final SuiteTally TALLY =
            new SuiteTally(
                    new SuiteTally.Cases(71, 0),
                    SuiteTally.FAULTS,
                    SuiteTally.EXTENT_CROSSINGS,
                    SuiteTally.COLD_WRITES);

    @Parameter public SuiteMode mode;

    @TempDir static Path checkpoints;

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
        return new FileSystemCheckpointStorage(checkpoints.toUri(), 0);
    }

    @Override
    protected boolean isSerializerPresenceRequiredOnRestore() {
        return false;
    }

    @Override
    protected boolean isSafeToReuseKVState() {
        return true;
    }

    @Override
    protected boolean supportsAsynchronousSnapshots() {
        return true;
    }
}
