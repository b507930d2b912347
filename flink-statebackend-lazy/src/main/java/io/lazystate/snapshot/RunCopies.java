package io.lazystate.snapshot;

import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import io.lazystate.snapshot.ObjectSink.Placed;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.core.fs.ICloseableRegistry;

/**
 * The runs of earlier checkpoints that a new one has copies of, since it cannot refer to their
 * objects. Threads: one.
 */
final class RunCopies {
    private final ObjectSink sink;
    private final SnapshotSettings settings;
    private final ICloseableRegistry cancel;
    private final Map<Run, String> states = new LinkedHashMap<>();
    private final Map<Run, Placed> copies = new HashMap<>();

    /**
     * @param sink takes the copies
     */
    RunCopies(ObjectSink sink, SnapshotSettings settings, ICloseableRegistry cancel) {
        this.sink = sink;
        this.settings = settings;
        this.cancel = cancel;
    }

    /** Asks for a copy of a run. */
    void want(String state, Run run) {
        states.putIfAbsent(run, state);
    }

    /**
     * Copies what was asked for: whole objects on the store's side if it can, else run by run.
     *
     * @throws LazyStateException as of the reads, naming the state
     */
    void write(ServerCopies server) throws IOException {
        Map<StoredObject, List<Run>> byObject = new LinkedHashMap<>();
        for (Run run : states.keySet()) {
            byObject.computeIfAbsent(run.object(), object -> new ArrayList<>()).add(run);
        }
        Map<StoredObject, StoredObject> onServer = server.copy(byObject, sink);
        RunCopier copier = new RunCopier(settings.loader(), cancel);
        for (Map.Entry<Run, String> wanted : states.entrySet()) {
            Run run = wanted.getKey();
            StoredObject copy = onServer.get(run.object());
            copies.put(
                    run,
                    copy == null
                            ? stream(wanted.getValue(), run, copier)
                            : Placed.at(run.in(copy)));
        }
    }

    private Placed stream(String state, Run run, RunCopier copier) throws IOException {
        try {
            Placed copy = sink.copy(run, copier);
            settings.metrics().checkpointCopiedBytes().add(run.meta().regionBytes());
            return copy;
        } catch (LazyStateException e) {
            throw e.inState(state);
        }
    }

    /** The runs of which there are copies. */
    Set<Run> runs() {
        return copies.keySet();
    }

    /** The layout with the copies in place of what they are copies of; the sink is finished. */
    StateLayout moved(StateLayout layout) {
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
                            base == null ? null : moved(base),
                            extent.deltas().stream().map(this::moved).toList()));
        }
        return StateLayout.of(extents);
    }

    private Run moved(Run run) {
        Placed copy = copies.get(run);
        return copy == null ? run : copy.run();
    }
}
