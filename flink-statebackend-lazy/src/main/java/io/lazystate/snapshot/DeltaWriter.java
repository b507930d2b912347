package io.lazystate.snapshot;

import io.lazystate.loading.MergeCursor;
import io.lazystate.loading.PageLoader;
import io.lazystate.loading.SequentialPages;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadCause;
import io.lazystate.paging.ChangedKeys;
import io.lazystate.paging.StateView;
import io.lazystate.run.RowCursor;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import io.lazystate.run.RunWriter;
import io.lazystate.snapshot.ObjectSink.Placed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes the changes of one state as delta runs, with the older deltas that are merged into them.
 *
 * <p>Shape: one run over all extents, cut between two of them when it has the size of an extent; no
 * row of an extent that folds, and no older row of an extent that does not refer to it any more.
 * Cost: reads changed rows locally, and merged deltas front to back from the store. Threads: one.
 */
final class DeltaWriter {
    private final StateView state;
    private final RewritePlan plan;
    private final RunFiles files;
    private final PageLoader loader;
    private final Map<Run, RunCursor> merged = new HashMap<>();
    private final List<@Nullable Placed> placed = new ArrayList<>();
    private final List<Integer> inRun = new ArrayList<>();
    private @Nullable RunWriter writer;

    DeltaWriter(StateView state, RewritePlan plan, RunFiles files, PageLoader loader) {
        this.state = state;
        this.plan = plan;
        this.files = files;
        this.loader = loader;
    }

    /**
     * Writes the runs.
     *
     * @return for each extent of the layout the run with its rows; null if it has none
     */
    List<@Nullable Placed> write() throws IOException {
        try (ChangedKeys keys = ChangedKeys.merge(state.changes())) {
            ChangesCursor changes = new ChangesCursor(keys, state);
            List<Extent> extents = state.layout().extents();
            for (int i = 0; i < extents.size(); i++) {
                placed.add(null);
                if (!plan.folds(i)) {
                    writeExtent(i, extents.get(i), changes);
                }
                if (writer != null && files.isFull(writer)) {
                    finish();
                }
            }
            finish();
            return placed;
        } finally {
            if (writer != null) {
                writer.close();
            }
        }
    }

    private void writeExtent(int index, Extent extent, ChangesCursor changes) throws IOException {
        List<Run> older = plan.merged(extent);
        // Removals hide nothing where nothing older is left.
        boolean nothingBelow = extent.base() == null && older.size() == extent.deltas().size();
        List<RowCursor> newestFirst = new ArrayList<>();
        newestFirst.add(changes);
        for (Run run : older) {
            newestFirst.add(merged.computeIfAbsent(run, this::cursor));
        }
        MergeCursor rows =
                new MergeCursor(newestFirst, extent.lower(), extent.upper(), !nothingBelow);
        boolean any = false;
        for (rows.seekToFirst(); rows.valid(); rows.next()) {
            files.checkCancelled();
            RunWriter out = open();
            if (rows.isRemoval()) {
                out.remove(rows.key());
            } else {
                out.put(rows.key(), rows.value());
            }
            any = true;
        }
        if (any) {
            inRun.add(index);
        }
    }

    private RunCursor cursor(Run run) {
        return new RunCursor(
                loader.indexes().pageTable(run, LoadCause.SNAPSHOT),
                true,
                new SequentialPages(loader, run, LoadCause.SNAPSHOT, null));
    }

    private RunWriter open() {
        RunWriter current = writer;
        if (current == null) {
            current = files.create();
            writer = current;
        }
        return current;
    }

    private void finish() throws IOException {
        RunWriter full = writer;
        if (full != null) {
            Placed run = files.finish(full);
            writer = null;
            inRun.forEach(extent -> placed.set(extent, run));
            inRun.clear();
        }
    }
}
