package io.lazystate.backend;

import io.lazystate.Condition;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.metrics.StoreMetrics;
import io.lazystate.store.CountingReader;
import io.lazystate.store.RangedReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.storage.FileSystemCheckpointStorage;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.apache.flink.util.IOUtils;
import org.jspecify.annotations.Nullable;

/**
 * One of Flink's operators on a backend of ours, in Flink's test harness.
 *
 * <p>Every read from the store is counted; closing disposes the backend.
 */
final class OperatorTask<IN, OUT> implements AutoCloseable {
    static final int MAX_PARALLELISM = 128;

    /** Runs in the task thread before each result. */
    private static Runnable beforeResults = () -> {};

    /** Makes the operator anew for each task. */
    @FunctionalInterface
    interface Operators<IN, OUT> {
        OneInputStreamOperator<IN, OUT> make() throws Exception;
    }

    /** What the stream is keyed by. */
    record Keys<K, IN>(KeySelector<IN, K> selector, TypeInformation<K> type) {}

    /** What tasks of a test have in common. */
    record Setup<K, IN, OUT>(
            Operators<IN, OUT> operators,
            Keys<K, IN> keys,
            @Nullable TypeSerializer<OUT> results,
            Path checkpoints,
            Configuration config) {
        /** Numbers come in, keyed by their names; strings go out. */
        static Setup<String, Long, String> ofNumbers(
                Operators<Long, String> operators, Path checkpoints, Configuration config) {
            return new Setup<>(
                    operators,
                    new Keys<>(OperatorTask::key, Types.STRING),
                    StringSerializer.INSTANCE,
                    checkpoints,
                    config);
        }
    }

    private final KeyedOneInputStreamOperatorTestHarness<?, IN, OUT> harness;
    private final CountingPorts ports;

    private OperatorTask(
            KeyedOneInputStreamOperatorTestHarness<?, IN, OUT> harness, CountingPorts ports) {
        this.harness = harness;
        this.ports = ports;
    }

    static String key(long value) {
        return "key " + value;
    }

    static <K, IN, OUT> OperatorTask<IN, OUT> start(Setup<K, IN, OUT> setup) throws Exception {
        return restore(setup, null);
    }

    static <K, IN, OUT> OperatorTask<IN, OUT> restore(
            Setup<K, IN, OUT> setup, @Nullable OperatorSubtaskState state) throws Exception {
        return restore(setup, state, 1, 0, store -> store);
    }

    /** A task that is one of several. */
    static <K, IN, OUT> OperatorTask<IN, OUT> restore(
            Setup<K, IN, OUT> setup,
            @Nullable OperatorSubtaskState state,
            int parallelism,
            int subtask,
            UnaryOperator<RangedReader> store)
            throws Exception {
        CountingPorts ports = new CountingPorts(store);
        KeyedOneInputStreamOperatorTestHarness<K, IN, OUT> harness =
                new KeyedOneInputStreamOperatorTestHarness<>(
                        setup.operators.make(),
                        setup.keys.selector(),
                        setup.keys.type(),
                        MAX_PARALLELISM,
                        parallelism,
                        subtask);
        harness.setStateBackend(
                new LazyStateBackend(ports)
                        .configure(setup.config, OperatorTask.class.getClassLoader()));
        harness.setCheckpointStorage(new FileSystemCheckpointStorage(setup.checkpoints.toUri(), 0));
        harness.setup(setup.results);
        OperatorTask<IN, OUT> task = new OperatorTask<>(harness, ports);
        try {
            if (state != null) {
                harness.initializeState(
                        AbstractStreamOperatorTestHarness.repartitionOperatorState(
                                state, MAX_PARALLELISM, 1, parallelism, subtask));
            }
            harness.open();
        } catch (Exception e) {
            task.close();
            throw e;
        }
        return task;
    }

    KeyedOneInputStreamOperatorTestHarness<?, IN, OUT> harness() {
        return harness;
    }

    LoadingMetrics metrics() {
        return ports.metrics;
    }

    CountingReader reads() {
        return ports.reader;
    }

    long faults() {
        return ports.metrics.faults().sum();
    }

    long prefetchedPages() {
        return ports.metrics.pages(LoadCause.PREFETCH).sum();
    }

    /** Returns when all has come that was asked for, pages and their indexes. */
    OperatorTask<IN, OUT> settled() {
        LoadingMetrics metrics = ports.metrics;
        Condition.await(
                "what was asked for has come",
                () -> metrics.pendingIndexes().sum() == 0 && metrics.pendingPages().sum() == 0);
        return this;
    }

    /**
     * From now on whatever was asked for arrives before the next result is computed, so that it
     * does not depend on the machine who comes first.
     */
    OperatorTask<IN, OUT> settledBeforeResults() {
        beforeResults = this::settled;
        return this;
    }

    /** Called by operators before they compute a result. */
    static void beforeResult() {
        beforeResults.run();
    }

    /** A checkpoint that completes, and of which the task hears. */
    OperatorSubtaskState checkpoint(long id, TestJobManager jobManager) throws Exception {
        harness.prepareSnapshotPreBarrier(id);
        OperatorSubtaskState state = harness.snapshot(id, id);
        jobManager.complete(id, state.getManagedKeyedState().iterator().next());
        harness.notifyOfCompletedCheckpoint(id);
        return state;
    }

    /** Lets time go on until all timers of the test have fired; what is fetched arrives between. */
    void fireAll() throws Exception {
        for (int time = 0; time <= 30_000; time += 50) {
            settled();
            harness.processWatermark(time);
            harness.setProcessingTime(time);
        }
    }

    /** The results so far, sorted. */
    List<String> results() {
        List<String> results = new ArrayList<>();
        harness.extractOutputValues().forEach(result -> results.add(result.toString()));
        results.sort(null);
        return results;
    }

    @Override
    public void close() {
        beforeResults = () -> {};
        IOUtils.closeQuietly(harness);
    }

    private static final class CountingPorts implements Ports {
        private static final long serialVersionUID = 1L;
        private final transient CountingReader reader;
        private final transient LoadingMetrics metrics = new LoadingMetrics();

        CountingPorts(UnaryOperator<RangedReader> store) {
            reader = new CountingReader(store.apply(DEFAULT.reader(metrics.store())));
        }

        @Override
        public RangedReader reader(StoreMetrics its) {
            return reader;
        }

        @Override
        public LoadingMetrics metrics() {
            return metrics;
        }
    }
}
