package io.lazystate.prefetch;

import io.lazystate.paging.RowsAhead;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
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
 * <p>Two kinds of windows read other namespaces of the key as well, or instead: windows that merge,
 * whose rows stay with the one that was first; and hopping windows of SQL, which read several
 * slices of time, with numbers for namespaces. Rows of one key are neighbours, so all of them are
 * wanted then.
 *
 * <p>Threads: the task thread. Serializers: the key's is this object's own, namespaces go through
 * those of the timer queue, also its own.
 */
@Internal
public final class RowsOfTimers<K> {
    /** Where Flink's window operators keep which windows were merged into which. */
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
    <N> void want(InternalTimer<K, N> timer, TypeSerializer<N> namespaces) throws IOException {
        if (targets.isEmpty()) {
            return;
        }
        K key = timer.getKey();
        keys.setKeyAndKeyGroup(
                key, KeyGroupRangeAssignment.assignToKeyGroup(key, numberOfKeyGroups));
        byte[] allOfKey = keys.build();
        boolean others = merging || namespaces instanceof LongSerializer;
        for (Target target : targets) {
            if (target.namespaces.equals(namespaces)) {
                if (others) {
                    target.rows.wantPrefix(allOfKey);
                } else {
                    want(target, timer.getNamespace(), namespaces);
                }
            } else if (target.namespaces instanceof VoidNamespaceSerializer) {
                want(target, VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE);
            }
        }
    }

    private <N> void want(Target target, N namespace, TypeSerializer<N> namespaces) {
        byte[] row = keys.buildCompositeKeyNamespace(namespace, namespaces);
        if (target.isMap) {
            target.rows.wantPrefix(row);
        } else {
            target.rows.want(row);
        }
    }
}
