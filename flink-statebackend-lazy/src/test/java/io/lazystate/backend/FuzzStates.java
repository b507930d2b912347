package io.lazystate.backend;

import io.lazystate.backend.StateModel.Row;
import io.lazystate.backend.StateModel.Timer;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ReducingState;
import org.apache.flink.api.common.state.ReducingStateDescriptor;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.streaming.api.operators.TimerSerializer;

/** The states of one task that a {@link StateModel} models; each is registered when first used. */
final class FuzzStates {
    static final ReducingStateDescriptor<Long> SUMS =
            new ReducingStateDescriptor<>("sums", Long::sum, LongSerializer.INSTANCE);
    static final ListStateDescriptor<String> LISTS =
            new ListStateDescriptor<>("lists", StringSerializer.INSTANCE);
    static final MapStateDescriptor<String, String> MAPS =
            new MapStateDescriptor<>("maps", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    private final TestTask task;
    private final FuzzSchema schema;
    private final ValueStateDescriptor<String> values;
    private KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<Long, Long>> timers;

    FuzzStates(TestTask task, FuzzSchema schema) {
        this.task = task;
        this.schema = schema;
        this.values =
                new ValueStateDescriptor<>(
                        "values", new VersionedStringSerializer(schema.version()));
    }

    ValueStateDescriptor<String> values() {
        return values;
    }

    /** Whether the state may be registered. */
    boolean has(String state) {
        return schema.has(state);
    }

    /** Those that may be registered, without the timers. */
    List<StateDescriptor<?, ?>> all() {
        List<StateDescriptor<?, ?>> all = new ArrayList<>(List.of(values, SUMS, LISTS, MAPS));
        all.removeIf(descriptor -> !has(descriptor.getName()));
        return all;
    }

    ValueState<String> value(Row row) throws Exception {
        return at(row, values);
    }

    ReducingState<Long> sum(Row row) throws Exception {
        return at(row, SUMS);
    }

    ListState<String> list(Row row) throws Exception {
        return at(row, LISTS);
    }

    MapState<String, String> map(Row row) throws Exception {
        return at(row, MAPS);
    }

    /** Registers a state, so that it can be asked for its keys. */
    void register(StateDescriptor<?, ?> descriptor, long namespace) throws Exception {
        task.backend().getPartitionedState(namespace, LongSerializer.INSTANCE, descriptor);
    }

    KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<Long, Long>> timers() {
        if (timers == null) {
            timers =
                    task.backend()
                            .create(
                                    "timers",
                                    new TimerSerializer<>(
                                            LongSerializer.INSTANCE, LongSerializer.INSTANCE));
        }
        return timers;
    }

    static TimerHeapInternalTimer<Long, Long> flinkTimer(Timer timer) {
        return new TimerHeapInternalTimer<>(timer.timestamp(), timer.key(), timer.namespace());
    }

    static Timer timer(TimerHeapInternalTimer<Long, Long> timer) {
        return new Timer(timer.getTimestamp(), timer.getKey(), timer.getNamespace());
    }

    private <S extends State> S at(Row row, StateDescriptor<S, ?> descriptor) throws Exception {
        if (!has(descriptor.getName())) {
            throw new IllegalStateException(descriptor.getName() + " is not known");
        }
        task.key(row.key());
        return task.backend()
                .getPartitionedState(row.namespace(), LongSerializer.INSTANCE, descriptor);
    }
}
