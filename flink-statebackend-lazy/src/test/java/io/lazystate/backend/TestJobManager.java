package io.lazystate.backend;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.flink.api.common.JobID;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.runtime.checkpoint.CheckpointProperties;
import org.apache.flink.runtime.checkpoint.CheckpointRetentionPolicy;
import org.apache.flink.runtime.checkpoint.Checkpoints;
import org.apache.flink.runtime.checkpoint.CheckpointsCleaner;
import org.apache.flink.runtime.checkpoint.CompletedCheckpoint;
import org.apache.flink.runtime.checkpoint.OperatorState;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.checkpoint.StandaloneCompletedCheckpointStore;
import org.apache.flink.runtime.checkpoint.StateAssignmentOperation;
import org.apache.flink.runtime.checkpoint.metadata.CheckpointMetadata;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.state.CheckpointMetadataOutputStream;
import org.apache.flink.runtime.state.CheckpointStorageAccess;
import org.apache.flink.runtime.state.CheckpointStorageLocation;
import org.apache.flink.runtime.state.CompletedCheckpointStorageLocation;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SharedStateRegistry;
import org.apache.flink.runtime.state.storage.JobManagerCheckpointStorage;

/**
 * The JobManager's part of a checkpoint's life for one operator: Flink's real store of completed
 * checkpoints, its shared-state registry and its metadata, driven in the order of its coordinator.
 *
 * <p>What an acknowledgement brings is registered at once, also a late one; completing a checkpoint
 * subsumes the oldest beyond the retained number and gives up pending ones before it; files that
 * nothing refers to are deleted at once. The tasks are told by the caller.
 */
final class TestJobManager {
    static final CheckpointProperties CHECKPOINT =
            CheckpointProperties.forCheckpoint(
                    CheckpointRetentionPolicy.NEVER_RETAIN_AFTER_TERMINATION);

    private static final JobID JOB = new JobID();
    private static final OperatorID OPERATOR = new OperatorID();
    private static final int MAX_PARALLELISM = 1 << 15;

    private record Pending(
            CheckpointProperties props,
            CheckpointStorageLocation location,
            int subtasks,
            Map<Integer, OperatorSubtaskState> acknowledged) {}

    private final CheckpointStorageAccess storage;
    private final StandaloneCompletedCheckpointStore store;
    private final CheckpointsCleaner cleaner = new CheckpointsCleaner();
    private final NavigableMap<Long, Pending> pending = new TreeMap<>();

    /** One that retains one checkpoint, and keeps its metadata on the heap. */
    TestJobManager() {
        this(onHeap(), 1);
    }

    /**
     * @param storage where the metadata goes; the tasks' files are wherever the tasks write them
     * @param retained completed checkpoints that are kept
     */
    TestJobManager(CheckpointStorageAccess storage, int retained) {
        this.storage = storage;
        this.store = new StandaloneCompletedCheckpointStore(retained);
    }

    /** A new JobManager that has recovered (or claimed) a checkpoint of one subtask. */
    static TestJobManager recovered(long checkpointId, KeyedStateHandle handle) throws Exception {
        TestJobManager manager = new TestJobManager();
        manager.complete(checkpointId, handle);
        return manager;
    }

    /** Completes a checkpoint of one subtask; the task is told by the caller. */
    void complete(long id, KeyedStateHandle handle) throws Exception {
        trigger(id, 1, CHECKPOINT);
        acknowledge(id, 0, handle);
    }

    /**
     * Takes a handle in that is not of a completed checkpoint: placeholders become real handles.
     */
    void register(long id, KeyedStateHandle handle) {
        handle.registerSharedStates(registry(), id);
    }

    /** Begins a checkpoint or savepoint, which all subtasks have to acknowledge. */
    void trigger(long id, int subtasks, CheckpointProperties props) throws IOException {
        CheckpointStorageLocation location = storage.initializeLocationForCheckpoint(id);
        pending.put(id, new Pending(props, location, subtasks, new TreeMap<>()));
    }

    boolean isPending(long id) {
        return pending.containsKey(id);
    }

    Set<Long> pending() {
        return new TreeSet<>(pending.keySet());
    }

    /**
     * Takes a subtask's state in.
     *
     * @param handle null if the subtask has no state
     * @return the checkpoint if this completed it; else null
     */
    CompletedCheckpoint acknowledge(long id, int subtask, KeyedStateHandle handle)
            throws Exception {
        Pending checkpoint = pending.get(id);
        if (handle != null && (checkpoint == null || !checkpoint.props().isSavepoint())) {
            handle.registerSharedStates(registry(), id);
        }
        if (checkpoint == null) {
            if (handle != null) {
                handle.discardState();
            }
            return null;
        }
        OperatorSubtaskState.Builder state = OperatorSubtaskState.builder();
        if (handle != null) {
            state.setManagedKeyedState(handle);
        }
        checkpoint.acknowledged().put(subtask, state.build());
        return checkpoint.acknowledged().size() < checkpoint.subtasks() ? null : complete(id);
    }

    private CompletedCheckpoint complete(long id) throws Exception {
        Pending checkpoint = pending.get(id);
        registry().checkpointCompleted(id);
        OperatorState state =
                new OperatorState(null, null, OPERATOR, checkpoint.subtasks(), MAX_PARALLELISM);
        checkpoint.acknowledged().forEach(state::putState);
        CompletedCheckpointStorageLocation location =
                writeMetadata(id, checkpoint.location(), state);
        CompletedCheckpoint completed = completed(id, List.of(state), checkpoint.props(), location);
        pending.remove(id);
        if (!checkpoint.props().isSavepoint()) {
            add(completed);
            for (long older : new ArrayList<>(pending.headMap(id).keySet())) {
                if (!pending.get(older).props().isSavepoint()) {
                    abort(older);
                }
            }
        }
        return completed;
    }

    /** Gives a pending checkpoint up, and deletes what is its own. */
    void abort(long id) throws Exception {
        Pending checkpoint = pending.remove(id);
        for (OperatorSubtaskState state : checkpoint.acknowledged().values()) {
            state.discardState();
        }
        checkpoint.location().disposeOnFailure();
    }

    /** Starts a job from a checkpoint or savepoint: claims its files, or leaves them alone. */
    void restore(String pointer, RecoveryClaimMode mode) throws Exception {
        boolean claims = mode == RecoveryClaimMode.CLAIM;
        CompletedCheckpoint restored =
                load(pointer, claims ? CHECKPOINT : CheckpointProperties.forUnclaimedSnapshot());
        restored.registerSharedStatesAfterRestored(registry(), mode);
        add(restored);
    }

    /** A new JobManager that takes over after this one was lost. */
    TestJobManager successor() throws Exception {
        TestJobManager next =
                new TestJobManager(storage, store.getMaxNumberOfRetainedCheckpoints());
        List<CompletedCheckpoint> checkpoints = new ArrayList<>();
        for (CompletedCheckpoint checkpoint : retained()) {
            CompletedCheckpoint loaded =
                    load(checkpoint.getExternalPointer(), checkpoint.getProperties());
            loaded.registerSharedStatesAfterRestored(next.registry(), RecoveryClaimMode.CLAIM);
            checkpoints.add(loaded);
        }
        for (CompletedCheckpoint checkpoint : checkpoints) {
            next.add(checkpoint);
        }
        return next;
    }

    /** The checkpoints that can be restored, the latest last. */
    List<CompletedCheckpoint> retained() {
        return store.getAllCheckpoints();
    }

    /** A checkpoint as its metadata describes it. */
    CompletedCheckpoint load(String pointer, CheckpointProperties props) throws IOException {
        CompletedCheckpointStorageLocation location = storage.resolveCheckpoint(pointer);
        try (DataInputStream in =
                new DataInputStream(location.getMetadataHandle().openInputStream())) {
            CheckpointMetadata metadata =
                    Checkpoints.loadCheckpointMetadata(
                            in, TestJobManager.class.getClassLoader(), pointer);
            return completed(
                    metadata.getCheckpointId(), metadata.getOperatorStates(), props, location);
        }
    }

    /** What a subtask with these key groups is given: every handle that has one of them, whole. */
    static Collection<KeyedStateHandle> handles(
            CompletedCheckpoint checkpoint, KeyGroupRange keyGroups) {
        List<KeyedStateHandle> handles = new ArrayList<>();
        for (OperatorState state : checkpoint.getOperatorStates().values()) {
            handles.addAll(StateAssignmentOperation.getManagedKeyedStateHandles(state, keyGroups));
        }
        return handles;
    }

    private void add(CompletedCheckpoint checkpoint) throws Exception {
        store.addCheckpointAndSubsumeOldestOne(checkpoint, cleaner, () -> {});
    }

    private static CheckpointStorageAccess onHeap() {
        try {
            return new JobManagerCheckpointStorage().createCheckpointStorage(JOB);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private SharedStateRegistry registry() {
        return store.getSharedStateRegistry();
    }

    private static CompletedCheckpoint completed(
            long id,
            Collection<OperatorState> states,
            CheckpointProperties props,
            CompletedCheckpointStorageLocation location) {
        Map<OperatorID, OperatorState> byOperator =
                states.stream()
                        .collect(
                                Collectors.toMap(
                                        OperatorState::getOperatorID, Function.identity()));
        return new CompletedCheckpoint(JOB, id, 0, 0, byOperator, List.of(), props, location, null);
    }

    private static CompletedCheckpointStorageLocation writeMetadata(
            long id, CheckpointStorageLocation location, OperatorState state) throws IOException {
        try (CheckpointMetadataOutputStream out = location.createMetadataOutputStream()) {
            Checkpoints.storeCheckpointMetadata(
                    new CheckpointMetadata(id, List.of(state), List.of()), out);
            return out.closeAndFinalizeCheckpoint();
        }
    }
}
