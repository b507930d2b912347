package io.lazystate.prefetch;

import io.lazystate.paging.RowsAhead;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.RegisteredKeyValueStateBackendMetaInfo;
import org.apache.flink.runtime.state.SerializedCompositeKeyBuilder;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.InternalTimer;

/**
 * The rows that will be read when a timer fires: those of its key and namespace, and those of its
 * key in states without namespaces.
 *
 * <p>Threads: the task thread. Serializers: the key's is this object's own, namespaces go through
 * those of the timer queue, also its own.
 */
@Internal
public final class RowsOfTimers<K> {
    /**
     * Where Flink's window operators keep which windows were merged into which: rows lie in the
     * namespace of one of these, which need not be that of the timer, but has the same key.
     */
    private static final Set<String> MERGED_WINDOWS =
            Set.of("merging-window-set", "session-window-mapping");

    private final RowsAhead rows;
    private final Supplier<List<RegisteredKeyValueStateBackendMetaInfo<?, ?>>> states;
    private final SerializedCompositeKeyBuilder<K> keys;
    private final int numberOfKeyGroups;

    /** The cold states of the present step. */
    private final List<Target> targets = new ArrayList<>();

    private boolean merging;

    private record Target(RowsAhead.State rows, TypeSerializer<?> namespaces, boolean isMap) {}

    /**
     * @param states that there are now
     * @param keySerializer of this object's own
     */
    public RowsOfTimers(
            RowsAhead rows,
            Supplier<List<RegisteredKeyValueStateBackendMetaInfo<?, ?>>> states,
            TypeSerializer<K> keySerializer,
            int keyGroupPrefixBytes,
            int numberOfKeyGroups) {
        this.rows = rows;
        this.states = states;
        this.keys = new SerializedCompositeKeyBuilder<>(keySerializer, keyGroupPrefixBytes, 32);
        this.numberOfKeyGroups = numberOfKeyGroups;
    }

    RowsAhead ahead() {
        return rows;
    }

    int numberOfKeyGroups() {
        return numberOfKeyGroups;
    }

    /** Begins a step: looks which states there are, and whether they are cold. */
    void begin() {
        targets.clear();
        merging = false;
        for (RegisteredKeyValueStateBackendMetaInfo<?, ?> state : states.get()) {
            merging |= MERGED_WINDOWS.contains(state.getName());
            RowsAhead.State stateRows = rows.state(state.getName());
            if (stateRows != null && stateRows.isCold()) {
                boolean isMap = state.getStateType() == StateDescriptor.Type.MAP;
                targets.add(new Target(stateRows, state.getNamespaceSerializer(), isMap));
            }
        }
    }

    /** Wants the rows of a timer. */
    <N> void want(InternalTimer<K, N> timer, TypeSerializer<N> namespaces) {
        if (targets.isEmpty()) {
            return;
        }
        K key = timer.getKey();
        keys.setKeyAndKeyGroup(
                key, KeyGroupRangeAssignment.assignToKeyGroup(key, numberOfKeyGroups));
        for (Target target : targets) {
            if (target.namespaces.equals(namespaces)) {
                byte[] row = keys.buildCompositeKeyNamespace(timer.getNamespace(), namespaces);
                want(target, row, target.isMap || merging);
            } else if (target.namespaces instanceof VoidNamespaceSerializer) {
                byte[] row =
                        keys.buildCompositeKeyNamespace(
                                VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE);
                want(target, row, target.isMap);
            }
        }
    }

    private static void want(Target target, byte[] row, boolean isPrefix) {
        if (isPrefix) {
            target.rows.wantPrefix(row);
        } else {
            target.rows.want(row);
        }
    }
}
