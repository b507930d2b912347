package io.lazystate.snapshot;

import io.lazystate.loading.ExtentHeat;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.ManifestCodec;
import io.lazystate.manifest.StateLayout;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.paging.ChangedKeys;
import io.lazystate.paging.StateView;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.checkpoint.filemerging.FileMergingSnapshotManager;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle.HandleAndLocalPath;
import org.apache.flink.runtime.state.PlaceholderStreamStateHandle;
import org.apache.flink.runtime.state.StateUtil;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filesystem.RelativeFileStateHandle;
import org.apache.flink.util.IOUtils;
import org.jspecify.annotations.Nullable;

/**
 * Writes one checkpoint of one subtask: runs, then the manifest that refers to them.
 *
 * <p>Files of earlier checkpoints are referred to by placeholders only (I12). If the manifest must
 * not need them, their runs are copied. Threads: one, and a cancelling one that closes the
 * registry. Ownership: what was written is discarded if {@link #write} throws.
 */
final class CheckpointWriter {
    /** What a checkpoint consists of. */
    record Written(
            List<HandleAndLocalPath> files,
            List<StreamStateHandle> reused,
            StreamStateHandle manifest,
            long newBytes) {}

    private final CheckpointStreamFactory streams;
    private final CloseableRegistry cancel;
    private final SnapshotSettings settings;
    private final boolean copiesAll;
    private final CheckpointedStateScope scope;
    private final SkippedRewrites skipped;
    private final Map<StoredObject, Boolean> reusable = new HashMap<>();

    /**
     * @param copiesAll whether the manifest must need no earlier file
     * @param scope of the run files
     * @param skipped gets the states whose older runs cannot be read
     */
    CheckpointWriter(
            CheckpointStreamFactory streams,
            CloseableRegistry cancel,
            SnapshotSettings settings,
            boolean copiesAll,
            CheckpointedStateScope scope,
            SkippedRewrites skipped) {
        this.streams = streams;
        this.cancel = cancel;
        this.settings = settings;
        this.copiesAll = copiesAll;
        this.scope = scope;
        this.skipped = skipped;
    }

    /** Writes a checkpoint. */
    Written write(Capture capture, Sealing sealing) throws IOException {
        List<StateView> states = capture.view().states();
        try (ObjectSink deltas = newSink();
                ObjectSink bases = newSink()) {
            StateWriter writer = stateWriter(deltas, bases, capture, settings.format());
            StateWriter queueWriter =
                    stateWriter(deltas, bases, capture, settings.format().withSmallPages());
            Map<StateView, StateWriter.Draft> drafts = new LinkedHashMap<>();
            for (RewritePlan.State captured : captured(states)) {
                StateView state = states.get(drafts.size());
                StateWriter own = capture.queues().contains(state.name()) ? queueWriter : writer;
                drafts.put(state, own.write(state, captured));
            }
            RunCopies copies = copyRuns(drafts, bases);
            List<StoredObject> fresh = new ArrayList<>(deltas.finish());
            fresh.addAll(bases.finish());
            Map<StateView, StateLayout> layouts = new LinkedHashMap<>();
            drafts.forEach(
                    (state, draft) -> layouts.put(state, copies.moved(draft.layout().get())));
            sealing.await(cancel);
            StreamStateHandle manifest = writeManifest(capture, layouts);
            deltas.handOver();
            bases.handOver();
            return written(sealing.seal(layouts), fresh, manifest);
        }
    }

    private RunCopies copyRuns(Map<StateView, StateWriter.Draft> drafts, ObjectSink sink)
            throws IOException {
        RunCopies copies = new RunCopies(sink, settings, cancel);
        drafts.forEach(
                (state, draft) -> {
                    for (Run run : draft.kept()) {
                        if (mustCopy(run)) {
                            copies.want(state.name(), run);
                        }
                    }
                });
        copies.write(new ServerCopies(streams, scope, settings.reader()));
        return copies;
    }

    private ObjectSink newSink() {
        return new ObjectSink(streams, scope, cancel, settings.extentBytes());
    }

    private StateWriter stateWriter(
            ObjectSink deltas, ObjectSink bases, Capture capture, RunFormat format) {
        CheckpointMetrics metrics = settings.metrics();
        return new StateWriter(
                new RunFiles(deltas, format, settings, metrics.checkpointDeltaBytes(), cancel),
                new RunFiles(bases, format, settings, metrics.checkpointBaseBytes(), cancel),
                capture,
                settings,
                skipped);
    }

    private List<RewritePlan.State> captured(List<StateView> states) throws IOException {
        Map<StoredObject, Long> referred =
                RunShares.referred(states.stream().map(StateView::layout).toList());
        List<RewritePlan.State> captured = new ArrayList<>(states.size());
        for (StateView state : states) {
            long[] changed = countChanges(state);
            settings.metrics().checkpointChangedRows().add(Arrays.stream(changed).sum());
            captured.add(
                    new RewritePlan.State(
                            state.layout(), state::isLocal, changed, referred, this::mustCopy));
        }
        return captured;
    }

    /** How many keys of each extent changed. */
    private long[] countChanges(StateView state) throws IOException {
        List<Extent> extents = state.layout().extents();
        long[] changed = new long[extents.size()];
        try (ChangedKeys keys = ChangedKeys.merge(state.changes())) {
            int i = 0;
            while (keys.advance()) {
                if (cancel.isClosed()) {
                    throw new IOException("The checkpoint was cancelled");
                }
                while (!isBefore(keys.key(), extents.get(i).upper())) {
                    i++;
                }
                changed[i]++;
            }
        }
        return changed;
    }

    private static boolean isBefore(byte[] key, byte @Nullable [] upper) {
        return upper == null || Arrays.compareUnsigned(key, upper) < 0;
    }

    /**
     * The handle's content.
     *
     * <p>Earlier files are in it also if their runs were copied: the task reads them until this
     * checkpoint, or a later one, is adopted.
     */
    private static Written written(
            Set<StoredObject> earlier, List<StoredObject> fresh, StreamStateHandle manifest) {
        List<HandleAndLocalPath> files = new ArrayList<>();
        List<StreamStateHandle> reused = new ArrayList<>();
        for (StoredObject object : earlier) {
            StreamStateHandle placeholder = placeholder(object);
            reused.add(placeholder);
            files.add(HandleAndLocalPath.of(placeholder, object.name()));
        }
        long newBytes = manifest.getStateSize();
        for (StoredObject object : fresh) {
            files.add(HandleAndLocalPath.of(object.handle(), object.name()));
            newBytes += object.length();
        }
        return new Written(files, reused, manifest, newBytes);
    }

    private boolean mustCopy(Run run) {
        return copiesAll || !isReusable(run.object());
    }

    private boolean isReusable(StoredObject object) {
        return reusable.computeIfAbsent(
                object,
                each -> !isRelative(each) && streams.couldReuseStateHandle(placeholder(each)));
    }

    /**
     * Whether it is a file of a native savepoint that was claimed: Flink 2.3 would look for it in
     * the new checkpoint's directory (FLINK-39964). So no layout may need it; it is referred to
     * only for as long as this backend reads it.
     */
    private static boolean isRelative(StoredObject object) {
        return object.handle() instanceof RelativeFileStateHandle;
    }

    private StreamStateHandle writeManifest(Capture capture, Map<StateView, StateLayout> layouts)
            throws IOException {
        LongAdder hotBytes = settings.metrics().checkpointHotBytes();
        Map<String, StateLayout> byName = new LinkedHashMap<>();
        List<ExtentHeat.Change> changes = new ArrayList<>();
        layouts.forEach(
                (state, layout) -> {
                    byName.put(state.name(), layout);
                    changes.add(new ExtentHeat.Change(state.layout(), layout));
                });
        byte[] bytes =
                ManifestCodec.encode(
                        capture.frame()
                                .with(
                                        byName,
                                        new HotRowsWriter(capture.view(), hotBytes, cancel)
                                                .collect(),
                                        settings.loader().heat().codes(changes)),
                        ManifestCodec.DEFAULT_INLINE_BUDGET_BYTES,
                        capture.queues());
        CheckpointStateOutputStream out =
                streams.createCheckpointStateOutputStream(CheckpointedStateScope.EXCLUSIVE);
        cancel.registerCloseable(out);
        @Nullable StreamStateHandle handle = null;
        try {
            out.write(bytes);
            if (cancel.unregisterCloseable(out)) {
                handle = CleanUp.handleOf(out);
            }
        } finally {
            if (handle == null && cancel.unregisterCloseable(out)) {
                CleanUp.run(() -> IOUtils.closeQuietly(out));
            }
        }
        if (handle != null && cancel.isClosed()) {
            // Nobody takes the handle any more, and completing the stream took a while.
            StreamStateHandle unwanted = handle;
            CleanUp.run(() -> StateUtil.discardStateObjectQuietly(unwanted));
            handle = null;
        }
        if (handle == null) {
            throw new IOException("The checkpoint was cancelled while its manifest was written");
        }
        return handle;
    }

    private static StreamStateHandle placeholder(StoredObject object) {
        return new PlaceholderStreamStateHandle(
                object.handle().getStreamStateHandleID(),
                object.length(),
                FileMergingSnapshotManager.isFileMergingHandle(object.handle()));
    }
}
