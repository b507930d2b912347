package io.lazystate.snapshot;

import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.Manifest;
import io.lazystate.manifest.ManifestCodec;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.StateView;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.snapshot.ObjectSink.Placed;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
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
 * <p>Files of earlier checkpoints are referred to by placeholders only (I12), unless the checkpoint
 * must be self-contained: then their runs are copied. Threads: one, and a cancelling one that
 * closes the registry. Ownership: what was written is discarded if {@link #write} throws.
 */
final class CheckpointWriter {
    /** What a checkpoint consists of. */
    record Written(
            Map<StateView, StateLayout> layouts,
            List<HandleAndLocalPath> files,
            List<StreamStateHandle> reused,
            StreamStateHandle manifest,
            long newBytes) {}

    private final CheckpointStreamFactory streams;
    private final CloseableRegistry cancel;
    private final SnapshotSettings settings;
    private final @Nullable Set<StoredObject> earlier;
    private final CheckpointedStateScope scope;

    /**
     * @param earlier objects of earlier checkpoints that live extents and captured views need, to
     *     be referred to in any case; null if the checkpoint must be self-contained
     * @param scope of the run files
     */
    CheckpointWriter(
            CheckpointStreamFactory streams,
            CloseableRegistry cancel,
            SnapshotSettings settings,
            @Nullable Set<StoredObject> earlier,
            CheckpointedStateScope scope) {
        this.streams = streams;
        this.cancel = cancel;
        this.settings = settings;
        this.earlier = earlier;
        this.scope = scope;
    }

    /**
     * @param frame the manifest without its layouts
     * @param queues names of the timer queues, of which a restore reads the heads only: they get
     *     small pages, and their page tables a place in the manifest before all others
     */
    Written write(List<StateView> states, Manifest frame, Set<String> queues) throws IOException {
        try (ObjectSink sink = new ObjectSink(streams, scope, cancel, settings.extentBytes())) {
            StateWriter writer = stateWriter(sink, settings.format());
            StateWriter queueWriter = stateWriter(sink, settings.format().withSmallestPages());
            Map<StateView, Supplier<StateLayout>> pending = new LinkedHashMap<>();
            for (StateView state : states) {
                boolean queue = queues.contains(state.name());
                pending.put(state, (queue ? queueWriter : writer).write(state));
            }
            Map<Run, Placed> copies = copyRuns(states, sink);
            List<StoredObject> fresh = sink.finish();
            Map<StateView, StateLayout> layouts = new LinkedHashMap<>();
            pending.forEach((state, layout) -> layouts.put(state, moved(layout.get(), copies)));
            StreamStateHandle manifest = writeManifest(frame, layouts, queues);
            sink.handOver();
            return written(layouts, fresh, copies.keySet(), manifest);
        }
    }

    private StateWriter stateWriter(ObjectSink sink, RunFormat format) {
        return new StateWriter(sink, format, settings.extentBytes(), settings.directory(), cancel);
    }

    private Written written(
            Map<StateView, StateLayout> layouts,
            List<StoredObject> fresh,
            Collection<Run> copied,
            StreamStateHandle manifest) {
        Set<StoredObject> old = new LinkedHashSet<>();
        if (earlier != null) {
            old.addAll(earlier);
            layouts.values().forEach(layout -> old.addAll(layout.objects()));
            fresh.forEach(old::remove);
            for (Run run : copied) {
                if (!isRelative(run.object())) {
                    old.remove(run.object());
                }
            }
        }
        List<HandleAndLocalPath> files = new ArrayList<>();
        List<StreamStateHandle> reused = new ArrayList<>();
        for (StoredObject object : old) {
            StreamStateHandle placeholder = placeholder(object);
            reused.add(placeholder);
            files.add(HandleAndLocalPath.of(placeholder, object.name()));
        }
        long newBytes = manifest.getStateSize();
        for (StoredObject object : fresh) {
            files.add(HandleAndLocalPath.of(object.handle(), object.name()));
            newBytes += object.length();
        }
        return new Written(layouts, files, reused, manifest, newBytes);
    }

    /** Copies the runs of kept extents whose objects the new checkpoint cannot refer to. */
    private Map<Run, Placed> copyRuns(List<StateView> states, ObjectSink sink) throws IOException {
        Map<Run, Placed> copies = new HashMap<>();
        Set<StoredObject> reusable = new HashSet<>();
        RunCopier copier = new RunCopier(settings.reader(), cancel);
        for (StateView state : states) {
            for (Run run : state.layout().runs()) {
                if (earlier != null
                        && (reusable.contains(run.object()) || isReusable(run.object()))) {
                    reusable.add(run.object());
                } else if (!copies.containsKey(run)) {
                    copies.put(run, copy(state, run, sink, copier));
                }
            }
        }
        return copies;
    }

    private static Placed copy(StateView state, Run run, ObjectSink sink, RunCopier copier)
            throws IOException {
        try {
            return sink.copy(run, copier);
        } catch (LazyStateException e) {
            throw e.inState(state.name());
        }
    }

    private boolean isReusable(StoredObject object) {
        return !isRelative(object) && streams.couldReuseStateHandle(placeholder(object));
    }

    /**
     * Whether it is a file of a native savepoint that was claimed: Flink 2.3 would look for it in
     * the new checkpoint's directory (FLINK-39964). So no layout may need it; it is referred to
     * only for as long as this backend reads it.
     */
    private static boolean isRelative(StoredObject object) {
        return object.handle() instanceof RelativeFileStateHandle;
    }

    private static StateLayout moved(StateLayout layout, Map<Run, Placed> copies) {
        if (copies.isEmpty()) {
            return layout;
        }
        List<Extent> extents = new ArrayList<>();
        for (Extent extent : layout.extents()) {
            Run base = extent.base();
            extents.add(
                    new Extent(
                            extent.lower(),
                            extent.upper(),
                            base == null ? null : moved(base, copies),
                            extent.deltas().stream().map(run -> moved(run, copies)).toList()));
        }
        return StateLayout.of(extents);
    }

    private static Run moved(Run run, Map<Run, Placed> copies) {
        Placed copy = copies.get(run);
        return copy == null ? run : copy.run();
    }

    private StreamStateHandle writeManifest(
            Manifest frame, Map<StateView, StateLayout> layouts, Set<String> queues)
            throws IOException {
        Map<String, StateLayout> byName = new LinkedHashMap<>();
        layouts.forEach((state, layout) -> byName.put(state.name(), layout));
        byte[] bytes =
                ManifestCodec.encode(
                        new Manifest(
                                frame.stateMetadata(),
                                frame.firstKeyGroup(),
                                frame.lastKeyGroup(),
                                frame.keyGroupPrefixBytes(),
                                byName),
                        ManifestCodec.DEFAULT_INLINE_BUDGET_BYTES,
                        queues);
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
