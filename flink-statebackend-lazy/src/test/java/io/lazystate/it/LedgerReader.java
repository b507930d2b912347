package io.lazystate.it;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.state.api.functions.KeyedStateReaderFunction;
import org.apache.flink.util.Collector;

/** Reads a {@link LedgerJob}'s state, and reports it as the job would. */
final class LedgerReader extends KeyedStateReaderFunction<Long, Tuple2<Long, String>> {
    private static final long serialVersionUID = 1L;

    private transient ValueState<Long> sum;
    private transient MapState<Long, String> entries;

    @Override
    public void open(OpenContext context) {
        sum = getRuntimeContext().getState(LedgerJob.sumState());
        entries = getRuntimeContext().getMapState(LedgerJob.entriesState());
    }

    @Override
    public void readKey(Long key, Context context, Collector<Tuple2<Long, String>> out)
            throws Exception {
        Set<Long> timers = context.registeredEventTimeTimers();
        if (!timers.equals(Set.of(LedgerJob.TIMER))) {
            throw new IllegalStateException("Timers of key " + key + ": " + timers);
        }
        Map<Long, String> sorted = new TreeMap<>();
        entries.entries().forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
        out.collect(Tuple2.of(key, LedgerJob.report(sum.value(), sorted)));
    }
}
