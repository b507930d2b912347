package io.lazystate.snapshot;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Reminder;
import io.lazystate.manifest.Manifest;
import io.lazystate.paging.Checkpoints;
import io.lazystate.paging.PagedRocksDB;
import io.lazystate.paging.SnapshotView;
import io.lazystate.store.StoredObject;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SnapshotType.SharingFilesStrategy;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedBackendSerializationProxy;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.LocalRecoveryConfig;
import org.apache.flink.runtime.state.SnapshotResources;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.metainfo.StateMetaInfoSnapshot;
import org.apache.flink.runtime.state.metainfo.StateMetaInfoSnapshot.BackendStateType;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend.RocksDbKvStateInfo;
import org.apache.flink.state.rocksdb.snapshot.RocksDBSnapshotStrategyBase;
import org.apache.flink.util.ResourceGuard;
import org.jspecify.annotations.Nullable;

/**
 * Flink's hook for checkpoints of a {@link PagedRocksDB}.
 *
 * <p>Threads: the synchronous part and notifications in the task thread, the asynchronous part in
 * any. Extends the RocksDB backend's strategy, since its backend takes no other, and uses none of
 * its local directories: local recovery is not supported, restores go to the store.
 */
@Internal
public final class LazySnapshotStrategy<K>
        extends RocksDBSnapshotStrategyBase<K, SnapshotResources> {
    private final Checkpoints checkpoints;
    private final SnapshotSettings settings;
    private final Supplier<Map<String, RowExpiry>> expiries;
    private final LostObjects lostObjects;
    private final Reminder skippedRewrites = new Reminder(System::nanoTime);
    private final CheckpointHistory<Sealing.Basis> history = new CheckpointHistory<>();
    private final Patience patience;

    /** What Flink's base class asks for. */
    public record Owner<K>(
            ResourceGuard guard,
            TypeSerializer<K> keySerializer,
            LinkedHashMap<String, RocksDbKvStateInfo> states,
            KeyGroupRange keyGroups,
            int keyGroupPrefixBytes,
            LocalRecoveryConfig localRecovery,
            File directory) {}

    /**
     * @param expiries of the states that are registered, by name; asked in the task thread
     * @param failTask called in the thread of an asynchronous part: see {@link LostObjects}
     * @param patience with news of earlier checkpoints
     */
    public LazySnapshotStrategy(
            PagedRocksDB db,
            Owner<K> owner,
            SnapshotSettings settings,
            Supplier<Map<String, RowExpiry>> expiries,
            Consumer<Throwable> failTask,
            Patience patience) {
        super(
                "Lazy state snapshot",
                db,
                owner.guard(),
                owner.keySerializer(),
                owner.states(),
                owner.keyGroups(),
                owner.keyGroupPrefixBytes(),
                owner.localRecovery(),
                owner.directory(),
                UUID.randomUUID());
        this.checkpoints = db.checkpoints();
        this.settings = settings;
        this.expiries = expiries;
        this.lostObjects = new LostObjects(failTask);
        this.patience = patience;
    }

    @Override
    public NativeRocksDBSnapshotResources syncPrepareResources(long checkpointId) throws Exception {
        List<StateMetaInfoSnapshot> metaInfos = new ArrayList<>(kvStateInformation.size());
        for (RocksDbKvStateInfo state : kvStateInformation.values()) {
            metaInfos.add(state.metaInfo.snapshot());
        }
        ResourceGuard.Lease lease = rocksDBResourceGuard.acquireResource();
        SnapshotView view = null;
        try {
            view = checkpoints.capture();
            return new Captured(lease, view, checkpoints.objectsInUse(), expiries.get(), metaInfos);
        } catch (Throwable t) {
            release(view, lease);
            throw t;
        }
    }

    /**
     * The backend waits for the lease when it is disposed, so that it is given back in any case.
     */
    private static void release(@Nullable SnapshotView view, ResourceGuard.Lease lease) {
        try (lease) {
            if (view != null) {
                view.close();
            }
        }
    }

    @Override
    public SnapshotResultSupplier<KeyedStateHandle> asyncSnapshot(
            NativeRocksDBSnapshotResources resources,
            long checkpointId,
            long timestamp,
            CheckpointStreamFactory streams,
            CheckpointOptions options) {
        Captured captured = (Captured) resources;
        if (captured.metaInfos.isEmpty()) {
            return cancel -> SnapshotResult.empty();
        }
        SharingFilesStrategy sharing = options.getCheckpointType().getSharingFilesStrategy();
        boolean savepoint = sharing == SharingFilesStrategy.NO_SHARING;
        if (!savepoint) {
            boolean full = sharing != SharingFilesStrategy.FORWARD_BACKWARD;
            captured.attempt = history.started(checkpointId, full, captured.inUse);
        }
        boolean onlyBounds = savepoint || !history.anyAdopted();
        return cancel -> {
            CheckpointWriter.Written written =
                    write(captured, checkpointId, streams, cancel, onlyBounds);
            streams.reusePreviousStateHandle(written.reused());
            return SnapshotResult.of(
                    new IncrementalRemoteKeyedStateHandle(
                            backendUID,
                            keyGroupRange,
                            checkpointId,
                            written.files(),
                            List.of(),
                            written.manifest(),
                            written.newBytes()));
        };
    }

    private CheckpointWriter.Written write(
            Captured captured,
            long checkpointId,
            CheckpointStreamFactory streams,
            CloseableRegistry cancel,
            boolean onlyBounds)
            throws Exception {
        CheckpointHistory<Sealing.Basis>.@Nullable Attempt attempt = captured.attempt;
        SkippedRewrites skipped = new SkippedRewrites(checkpointId, skippedRewrites);
        CheckpointWriter writer =
                new CheckpointWriter(
                        streams,
                        cancel,
                        settings,
                        attempt == null || attempt.copiesAll(),
                        attempt == null
                                ? CheckpointedStateScope.EXCLUSIVE
                                : CheckpointedStateScope.SHARED,
                        skipped);
        Capture capture =
                new Capture(
                        captured.view,
                        frame(captured),
                        queues(captured),
                        captured.expiries,
                        onlyBounds);
        try {
            return writer.write(capture, new Sealing(captured.view, attempt, patience));
        } catch (LazyStateException e) {
            // A savepoint, or a full checkpoint that somebody asked for, fails alone.
            throw attempt != null && attempt.isLikeLaterOnes() && attempt.isPending()
                    ? lostObjects.failed(checkpointId, e, cancel)
                    : e;
        } finally {
            skipped.log();
        }
    }

    private static Set<String> queues(Captured captured) {
        return captured.metaInfos.stream()
                .filter(state -> state.getBackendStateType() == BackendStateType.PRIORITY_QUEUE)
                .map(StateMetaInfoSnapshot::getName)
                .collect(Collectors.toSet());
    }

    private Manifest frame(Captured captured) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(1024);
        new KeyedBackendSerializationProxy<>(keySerializer, captured.metaInfos, false).write(out);
        return new Manifest(
                out.getCopyOfBuffer(),
                keyGroupRange.getStartKeyGroup(),
                keyGroupRange.getEndKeyGroup(),
                keyGroupPrefixBytes,
                Map.of(),
                Map.of(),
                Map.of());
    }

    @Override
    public void notifyCheckpointComplete(long checkpointId) {
        buildOn(history.completed(checkpointId));
    }

    @Override
    public void notifyCheckpointAborted(long checkpointId) {
        buildOn(history.aborted(checkpointId));
    }

    private void buildOn(Sealing.@Nullable Basis adopted) {
        if (adopted != null) {
            checkpoints.adopt(adopted.view(), adopted.layouts());
        }
    }

    /** Not used: there is no previous snapshot in the base class's sense. */
    @Override
    protected PreviousSnapshot snapshotMetaData(
            long checkpointId, List<StateMetaInfoSnapshot> stateMetaInfoSnapshots) {
        return EMPTY_PREVIOUS_SNAPSHOT;
    }

    @Override
    public void close() {}

    /** The captured database, and a hold on it; the attempt is null for a savepoint. */
    private static final class Captured extends NativeRocksDBSnapshotResources {
        private final ResourceGuard.Lease lease;
        private final SnapshotView view;
        private final Set<StoredObject> inUse;
        private final Map<String, RowExpiry> expiries;
        private final List<StateMetaInfoSnapshot> metaInfos;
        private CheckpointHistory<Sealing.Basis>.@Nullable Attempt attempt;

        @SuppressWarnings("NullAway") // there is no local directory; release() is ours
        Captured(
                ResourceGuard.Lease lease,
                SnapshotView view,
                Set<StoredObject> inUse,
                Map<String, RowExpiry> expiries,
                List<StateMetaInfoSnapshot> metaInfos) {
            super(null, EMPTY_PREVIOUS_SNAPSHOT, metaInfos);
            this.lease = lease;
            this.view = view;
            this.inUse = inUse;
            this.expiries = expiries;
            this.metaInfos = metaInfos;
        }

        @Override
        public void release() {
            if (attempt != null) {
                attempt.released();
            }
            LazySnapshotStrategy.release(view, lease);
        }
    }
}
