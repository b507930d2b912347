package org.apache.flink.test.checkpointing;

import io.lazystate.backend.SuiteMode;
import io.lazystate.backend.SuiteTally;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Flink's cases for a job that fails once and must count exactly, in every loading mode. Each of
 * them names a backend of Flink's; what it says about checkpoints is kept, and the backend is ours.
 */
class KeyedStateIT {
    @RegisterExtension
    static final SuiteTally TALLY =
            new SuiteTally(new SuiteTally.Cases(5, 0), SuiteTally.FAULTS, SuiteTally.COLD_WRITES);

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

    /** The cases in one mode. */
    abstract static class Suite extends KeyedStateCheckpointingITCase {
        private final SuiteMode mode;

        @TempDir Path checkpoints;
        @TempDir Path local;

        Suite(SuiteMode mode) {
            this.mode = mode;
        }

        /** Checkpoints that are kept by the JobManager: every file is part of its handle. */
        @Test
        @Override
        void testWithMemoryBackendAsync() throws Exception {
            Configuration job = new Configuration();
            job.set(CheckpointingOptions.CHECKPOINT_STORAGE, "jobmanager");
            run(job);
        }

        @Test
        @Override
        void testWithFsBackendAsync() throws Exception {
            run(onDisk());
        }

        @Test
        @Override
        void testWithRocksDbBackendFull() throws Exception {
            Configuration job = onDisk();
            job.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, false);
            job.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
            run(job);
        }

        @Test
        @Override
        void testWithRocksDbBackendIncremental() throws Exception {
            Configuration job = onDisk();
            job.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
            job.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
            run(job);
        }

        /** ForSt keeps its files where checkpoints are; what is nearest to it: merged files. */
        @Test
        @Override
        void testWithForStBackendIncremental() throws Exception {
            Configuration job = onDisk();
            job.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
            job.set(CheckpointingOptions.FILE_MERGING_ENABLED, true);
            run(job);
        }

        private Configuration onDisk() {
            Configuration job = new Configuration();
            job.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
            job.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints.toUri().toString());
            return job;
        }

        private void run(Configuration job) throws Exception {
            job.set(StateBackendOptions.STATE_BACKEND, mode.factory());
            StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
            env.configure(job);
            Method program =
                    KeyedStateCheckpointingITCase.class.getDeclaredMethod(
                            "testProgramWithBackend", StreamExecutionEnvironment.class);
            program.setAccessible(true);
            try {
                program.invoke(this, env);
            } catch (InvocationTargetException e) {
                ExceptionUtils.rethrowException(e.getCause());
            }
        }
    }
}
