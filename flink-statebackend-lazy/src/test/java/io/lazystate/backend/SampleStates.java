package io.lazystate.backend;

import java.util.List;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;

/** One task's state of each kind: a value, a list and a map a key, and a timer. */
final class SampleStates {
    static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    static final ListStateDescriptor<String> LIST =
            new ListStateDescriptor<>("list", StringSerializer.INSTANCE);
    static final MapStateDescriptor<String, String> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    /** The states that have rows of keys; the timers are in {@code timers}. */
    static final List<String> NAMES = List.of("value", "list", "map");

    private final TestTask task;
    private final KeyGroupRange keyGroups;
    private final KeyGroupedInternalPriorityQueue<TimerHeapInternalTimer<Long, VoidNamespace>>
            timers;

    /** Registers the timers; the others when they are used. */
    SampleStates(TestTask task, KeyGroupRange keyGroups) {
        this.task = task;
        this.keyGroups = keyGroups;
        this.timers = task.timers("timers");
    }

    /** Changes a part of the keys in all states; some entries go, and as many timers fire. */
    void update(int version, long keys, int step) throws Exception {
        for (long key = 0; key < keys; key += step) {
            if (keyGroups.contains(TestTask.keyGroupOf(key))) {
                task.key(key);
                task.state(VALUE).update(version + " " + key);
                task.state(LIST).add(version + " " + key);
                task.state(MAP).put("one", version + " " + key);
                task.state(MAP).put("at " + version, "other");
                task.state(MAP).remove("at " + (version - 1));
                if (version % 2 == 1) {
                    timers.poll();
                }
                timers.add(TestTask.timer(1000L * version + key, key));
            }
        }
    }
}
