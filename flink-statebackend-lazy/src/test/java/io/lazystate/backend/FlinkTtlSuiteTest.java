package io.lazystate.backend;

import java.nio.file.Path;
import org.apache.flink.runtime.state.CheckpointStorage;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.runtime.state.ttl.StateBackendTestContext;
import org.apache.flink.runtime.state.ttl.TtlStateTestBase;
import org.apache.flink.runtime.state.ttl.TtlTimeProvider;
import org.apache.flink.testutils.junit.extensions.parameterized.ParameterizedTestExtension;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Flink's suite for state that expires, for every kind of state and in every loading mode. */
class FlinkTtlSuiteTest {
    @RegisterExtension
    static final SuiteTally TALLY =
            new SuiteTally(new SuiteTally.Cases(96, 48), SuiteTally.FAULTS, SuiteTally.COLD_WRITES)
                    .migrating();

    @TempDir static Path checkpoints;

    @Nested
    class Eager extends Suite {
        Eager() {
            super(SuiteMode.EAGER);
        }
    }

    @Nested
    class Lazy extends Suite {
        Lazy() {
            super(SuiteMode.LAZY);
        }
    }

    @Nested
    class Hybrid extends Suite {
        Hybrid() {
            super(SuiteMode.HYBRID);
        }
    }

    /** The suite in one mode; its own parameters are the kinds of state. */
    @ExtendWith(ParameterizedTestExtension.class)
    abstract static class Suite extends TtlStateTestBase {
        private final SuiteMode mode;

        Suite(SuiteMode mode) {
            this.mode = mode;
        }

        /** The suite checkpoints; expired rows must be gone from savepoints only. */
        @Override
        public boolean isSavepoint() {
            return false;
        }

        @Override
        protected StateBackendTestContext createStateBackendTestContext(TtlTimeProvider time) {
            return new StateBackendTestContext(time) {
                @Override
                protected StateBackend createStateBackend() {
                    return TALLY.backend(mode);
                }

                @Override
                protected CheckpointStorage createCheckpointStorage() {
                    return new FileSystemCheckpointStorage(checkpoints.toUri(), 0);
                }
            };
        }
    }
}
