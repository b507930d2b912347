package io.lazystate.backend;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.runtime.state.internal.InternalListState;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.InternalTimer;
import org.apache.flink.streaming.api.operators.InternalTimerService;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.Triggerable;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Windows as Flink SQL keeps them: the namespace of rows and timers is the end of a slice of time.
 *
 * @param <N> what stands for the end of a slice
 */
final class Slices<N> extends AbstractStreamOperator<String>
        implements OneInputStreamOperator<Long, String>, Triggerable<String, N> {
    private static final long serialVersionUID = 1L;
    private static final long SLICE_MILLIS = 100;

    private final TypeSerializer<N> namespaces;
    private final transient LongFunction<N> namespace;
    private transient InternalTimerService<N> timers;
    private transient InternalListState<String, N, Long> slices;
    private transient ValueState<String> last;

    /**
     * @param namespace of a slice, by its end
     */
    Slices(TypeSerializer<N> namespaces, LongFunction<N> namespace) {
        this.namespaces = namespaces;
        this.namespace = namespace;
    }

    @Override
    @SuppressWarnings("unchecked") // what a list state is inside
    public void open() throws Exception {
        super.open();
        timers = getInternalTimerService("slices", namespaces, this);
        slices =
                (InternalListState<String, N, Long>)
                        getOrCreateKeyedState(
                                namespaces,
                                new ListStateDescriptor<>("slices", LongSerializer.INSTANCE));
        last =
                getPartitionedState(
                        VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE,
                        new ValueStateDescriptor<>("last", StringSerializer.INSTANCE));
    }

    @Override
    public void processElement(StreamRecord<Long> element) throws Exception {
        long end = (element.getTimestamp() / SLICE_MILLIS + 1) * SLICE_MILLIS;
        slices.setCurrentNamespace(namespace.apply(end));
        slices.add(element.getValue());
        last.update("last of " + element.getValue());
        timers.registerEventTimeTimer(namespace.apply(end), end - 1);
    }

    @Override
    public void onEventTime(InternalTimer<String, N> timer) throws Exception {
        OperatorTask.beforeResult();
        slices.setCurrentNamespace(timer.getNamespace());
        List<Long> values = new ArrayList<>();
        slices.get().forEach(values::add);
        slices.clear();
        output.collect(
                new StreamRecord<>(
                        timer.getKey()
                                + " at "
                                + timer.getNamespace()
                                + ": "
                                + values
                                + ", "
                                + last.value()));
    }

    @Override
    public void onProcessingTime(InternalTimer<String, N> timer) {}
}
