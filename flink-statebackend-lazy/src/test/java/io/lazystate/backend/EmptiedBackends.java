package io.lazystate.backend;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.RunnableFuture;
import java.util.function.Consumer;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.jobgraph.JobVertexID;
import org.apache.flink.runtime.operators.testutils.MockEnvironment;
import org.apache.flink.runtime.operators.testutils.MockEnvironmentBuilder;
import org.apache.flink.runtime.query.KvStateRegistry;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.CheckpointStorageAccess;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateBackendParametersImpl;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.runtime.state.ttl.TtlTimeProvider;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.IOUtils;

/**
 * Keyed backends with String keys, for a suite that takes them where it would take new ones: an
 * empty one has a past, rows that are removed but still lie in its checkpoint's base runs.
 *
 * <p>Threads: one. Closing disposes all of them.
 */
public final class EmptiedBackends implements AutoCloseable {
    /** Fills a backend, or removes everything from it. */
    public interface Step extends Consumer<AbstractKeyedStateBackend<String>> {}

    private final SuiteTally tally;
    private final SuiteMode mode;
    private final Configuration config;
    private final CheckpointStorageAccess storage;
    private final List<AutoCloseable> open = new ArrayList<>();

    /**
     * @param checkpoints a directory for the past
     */
    public EmptiedBackends(
            SuiteTally tally, SuiteMode mode, PriorityQueueStateType timers, Path checkpoints)
            throws IOException {
        this.tally = tally;
        this.mode = mode;
        this.config = mode.config();
        this.config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, timers);
        this.storage =
                new FileSystemCheckpointStorage(checkpoints.toUri(), 0)
                        .createCheckpointStorage(new JobID());
        this.storage.initializeBaseLocationsForCheckpoint();
    }

    /** One without rows, over those of its past. */
    public AbstractKeyedStateBackend<String> empty(
            KeyGroupRange keyGroups, int numberOfKeyGroups, Step fill, Step clear)
            throws Exception {
        TestJobManager jobManager = new TestJobManager();
        AbstractKeyedStateBackend<String> filled = restore(keyGroups, numberOfKeyGroups, List.of());
        fill.accept(filled);
        KeyedStateHandle full = checkpoint(1, filled, jobManager);
        AbstractKeyedStateBackend<String> cleared =
                restore(keyGroups, numberOfKeyGroups, List.of(full));
        clear.accept(cleared);
        KeyedStateHandle empty = checkpoint(2, cleared, jobManager);
        return restore(keyGroups, numberOfKeyGroups, List.of(empty));
    }

    /** One that is restored from these handles. */
    public AbstractKeyedStateBackend<String> restore(
            KeyGroupRange keyGroups, int numberOfKeyGroups, Collection<KeyedStateHandle> handles)
            throws Exception {
        MockEnvironment env =
                new MockEnvironmentBuilder()
                        .setTaskName("test")
                        .setMaxParallelism(numberOfKeyGroups)
                        .build();
        open.add(env);
        env.setCheckpointStorageAccess(storage);
        JobID job = new JobID();
        AbstractKeyedStateBackend<String> backend =
                new LazyStateBackend(tally.counted(mode))
                        .configure(config, EmptiedBackends.class.getClassLoader())
                        .createKeyedStateBackend(
                                new KeyedStateBackendParametersImpl<>(
                                        env,
                                        job,
                                        "op",
                                        StringSerializer.INSTANCE,
                                        numberOfKeyGroups,
                                        keyGroups,
                                        new KvStateRegistry()
                                                .createTaskRegistry(job, new JobVertexID()),
                                        TtlTimeProvider.DEFAULT,
                                        new UnregisteredMetricsGroup(),
                                        handles,
                                        new CloseableRegistry()));
        open.add(backend::dispose);
        return backend;
    }

    private KeyedStateHandle checkpoint(
            long id, AbstractKeyedStateBackend<String> backend, TestJobManager jobManager)
            throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                backend.snapshot(
                        id,
                        0,
                        storage.resolveCheckpointStorageLocation(
                                id, CheckpointStorageLocationReference.getDefault()),
                        CheckpointOptions.forCheckpointWithDefaultLocation());
        future.run();
        KeyedStateHandle handle = future.get().getJobManagerOwnedSnapshot();
        jobManager.complete(id, handle);
        backend.notifyCheckpointComplete(id);
        return handle;
    }

    @Override
    public void close() {
        for (int i = open.size() - 1; i >= 0; i--) { // a backend before its environment
            IOUtils.closeQuietly(open.get(i));
        }
        open.clear();
    }
}
