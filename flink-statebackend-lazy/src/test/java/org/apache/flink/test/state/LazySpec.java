package org.apache.flink.test.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.EmptiedBackends;
import io.lazystate.backend.SuiteMode;
import io.lazystate.backend.SuiteTally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.IntSerializer;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.CheckpointableKeyedStateBackend;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.streaming.api.operators.TimerSerializer;
import org.apache.flink.test.state.BackendSwitchSpecs.BackendSwitchSpec;
import org.apache.flink.util.FileUtils;
import org.apache.flink.util.function.ThrowingConsumer;

/**
 * Our backend in one loading mode, for Flink's savepoint case. Where that wants an empty one, it
 * has had other values under the same keys before.
 */
final class LazySpec implements BackendSwitchSpec {
    private static final String[] KEYS = {"abc", "mno", "xyz"};
    private static final int NAMESPACES = 4;
    private static final long ENTRIES = 60;

    private final SuiteTally tally;
    private final SuiteMode mode;
    private final PriorityQueueStateType timers;
    private Path directory;
    private EmptiedBackends backends;

    LazySpec(SuiteTally tally, SuiteMode mode, PriorityQueueStateType timers) {
        this.tally = tally;
        this.mode = mode;
        this.timers = timers;
    }

    @Override
    public CheckpointableKeyedStateBackend<String> createBackend(
            KeyGroupRange keyGroups, int numberOfKeyGroups, Collection<KeyedStateHandle> handles)
            throws Exception {
        directory = Files.createTempDirectory("lazy-spec");
        backends = new EmptiedBackends(tally, mode, timers, directory);
        return handles.isEmpty()
                ? backends.empty(keyGroups, numberOfKeyGroups, this::fill, this::clear)
                : backends.restore(keyGroups, numberOfKeyGroups, handles);
    }

    private void fill(AbstractKeyedStateBackend<String> backend) {
        eachKey(
                backend,
                states -> {
                    for (long i = 0; i < ENTRIES; i++) {
                        states.map().put(i, -i);
                        states.list().add(-i);
                    }
                    states.value().update(-1L);
                });
        if (timersAreState()) {
            queue(backend).add(timer());
        }
    }

    private void clear(AbstractKeyedStateBackend<String> backend) {
        eachKey(
                backend,
                states -> {
                    states.map().clear();
                    states.list().clear();
                    states.value().clear();
                });
        if (timersAreState()) {
            assertThat(queue(backend).poll()).isEqualTo(timer());
        }
    }

    /** Timers on the heap are no part of the backend's checkpoints. */
    private boolean timersAreState() {
        return timers == PriorityQueueStateType.ROCKSDB;
    }

    private static KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<String, Integer>> queue(
            AbstractKeyedStateBackend<String> backend) {
        return backend.create(
                "event-time",
                new TimerSerializer<>(backend.getKeySerializer(), IntSerializer.INSTANCE));
    }

    private static TimerHeapInternalTimer<String, Integer> timer() {
        return new TimerHeapInternalTimer<>(1L, KEYS[0], 1);
    }

    /** The states of one key and namespace; names and types are those of Flink's case. */
    private record States(MapState<Long, Long> map, ListState<Long> list, ValueState<Long> value) {}

    private static void eachKey(
            AbstractKeyedStateBackend<String> backend, ThrowingConsumer<States, Exception> action) {
        for (String key : KEYS) {
            for (int namespace = 1; namespace <= NAMESPACES; namespace++) {
                backend.setCurrentKey(key);
                try {
                    action.accept(
                            new States(
                                    state(
                                            backend,
                                            namespace,
                                            new MapStateDescriptor<>(
                                                    "my-map-state", Long.class, Long.class)),
                                    state(
                                            backend,
                                            namespace,
                                            new ListStateDescriptor<>("my-list-state", Long.class)),
                                    state(
                                            backend,
                                            namespace,
                                            new ValueStateDescriptor<>(
                                                    "my-value-state", Long.class))));
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            }
        }
    }

    private static <S extends State> S state(
            AbstractKeyedStateBackend<String> backend,
            int namespace,
            StateDescriptor<S, ?> descriptor)
            throws Exception {
        descriptor.initializeSerializerUnlessSet(new ExecutionConfig());
        return backend.getPartitionedState(namespace, IntSerializer.INSTANCE, descriptor);
    }

    @Override
    public void close() throws IOException {
        if (backends != null) {
            backends.close();
            backends = null;
            FileUtils.deleteDirectory(directory.toFile());
        }
    }

    @Override
    public String toString() {
        return "ours, timers: " + timers;
    }
}
