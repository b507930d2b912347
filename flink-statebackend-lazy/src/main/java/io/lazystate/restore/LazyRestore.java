package io.lazystate.restore;

import io.lazystate.loading.PageLoader;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.RowBlock;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedBackendSerializationProxy;
import org.apache.flink.runtime.state.RegisteredPriorityQueueStateBackendMetaInfo;
import org.apache.flink.runtime.state.RegisteredStateMetaInfoBase;
import org.apache.flink.runtime.state.StateSerializerProvider;
import org.apache.flink.runtime.state.metainfo.StateMetaInfoSnapshot;
import org.apache.flink.util.StateMigrationException;

/**
 * Restores states from manifests: registers each with the place of its rows, and fetches only the
 * heads of the timer queues.
 *
 * @param <K> type of the keys
 */
@Internal
public final class LazyRestore<K> {
    /** Takes a restored state in, cold. */
    @FunctionalInterface
    public interface Target {
        void add(RegisteredStateMetaInfoBase metaInfo, StateLayout layout);
    }

    private final List<Manifest> manifests;
    private final RestorePlan plan;
    private final TimerHeads timerHeads;
    private final KeyGroupRange keyGroups;
    private final int keyGroupPrefixBytes;
    private final PageLoader loader;

    public LazyRestore(
            List<Manifest> manifests,
            KeyGroupRange keyGroups,
            int keyGroupPrefixBytes,
            PageLoader loader) {
        this.manifests = manifests;
        this.keyGroups = keyGroups;
        this.keyGroupPrefixBytes = keyGroupPrefixBytes;
        this.loader = loader;
        this.plan = RestorePlan.of(manifests, keyGroups, keyGroupPrefixBytes);
        this.timerHeads = new TimerHeads(loader, keyGroups, keyGroupPrefixBytes);
    }

    /**
     * The rows of the subtask's key groups that were read most, and the names of their states; of a
     * state there may be several blocks.
     */
    public void forEachHot(BiConsumer<String, RowBlock> target) {
        byte[] lower = RestorePlan.prefix(keyGroups.getStartKeyGroup(), keyGroupPrefixBytes);
        byte[] upper = RestorePlan.prefixAfter(keyGroups.getEndKeyGroup(), keyGroupPrefixBytes);
        for (Manifest manifest : manifests) {
            manifest.hot().forEach((state, rows) -> target.accept(state, rows.slice(lower, upper)));
        }
    }

    /**
     * Runs the restore. Cost: one wave of reads, none if there are no timers in RocksDB.
     *
     * @param keySerializer gets to know the serializer that the keys were written with
     * @throws StateMigrationException if the job's key serializer cannot read them
     */
    public void run(StateSerializerProvider<K> keySerializer, ClassLoader userCode, Target target)
            throws IOException, StateMigrationException {
        Set<String> seen = new HashSet<>();
        Map<String, StateLayout> queues = new LinkedHashMap<>();
        boolean checked = false;
        for (Manifest manifest : manifests) {
            KeyedBackendSerializationProxy<K> metadata =
                    new KeyedBackendSerializationProxy<>(userCode);
            metadata.read(new DataInputDeserializer(manifest.stateMetadata()));
            if (!checked) {
                checkKeySerializer(keySerializer, metadata);
                checked = true;
            }
            for (StateMetaInfoSnapshot state : metadata.getStateMetaInfoSnapshots()) {
                if (seen.add(state.getName())) {
                    RegisteredStateMetaInfoBase metaInfo =
                            RegisteredStateMetaInfoBase.fromMetaInfoSnapshot(state);
                    StateLayout layout =
                            plan.layouts().getOrDefault(state.getName(), StateLayout.empty());
                    target.add(metaInfo, layout);
                    if (metaInfo instanceof RegisteredPriorityQueueStateBackendMetaInfo) {
                        queues.put(state.getName(), layout);
                    }
                }
            }
        }
        plan.heat().forEach(loader.heat()::restore);
        timerHeads.preload(queues);
    }

    private void checkKeySerializer(
            StateSerializerProvider<K> provider, KeyedBackendSerializationProxy<K> metadata)
            throws StateMigrationException {
        TypeSerializer<K> current = provider.currentSchemaSerializer();
        TypeSerializerSchemaCompatibility<K> compatibility =
                provider.setPreviousSerializerSnapshotForRestoredState(
                        metadata.getKeySerializerSnapshot());
        if (compatibility.isCompatibleAfterMigration() || compatibility.isIncompatible()) {
            throw new StateMigrationException(
                    "The key serializer "
                            + current
                            + " cannot read keys that "
                            + provider.previousSchemaSerializer()
                            + " wrote; use a compatible one, or start without this state");
        }
    }
}
