package io.lazystate.snapshot;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.StateView;
import io.lazystate.run.Run;
import io.lazystate.snapshot.ObjectSink.Placed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes one state as its {@link RewritePlan} says: what changed and merges as delta runs, what
 * folds as base runs. Threads: one.
 */
final class StateWriter {
    private final RunFiles deltas;
    private final RunFiles bases;
    private final Capture capture;
    private final SnapshotSettings settings;
    private final SkippedRewrites skipped;

    /**
     * @param skipped gets the states whose older runs cannot be read
     */
    StateWriter(
            RunFiles deltas,
            RunFiles bases,
            Capture capture,
            SnapshotSettings settings,
            SkippedRewrites skipped) {
        this.deltas = deltas;
        this.bases = bases;
        this.capture = capture;
        this.settings = settings;
        this.skipped = skipped;
    }

    /**
     * What a state's new layout consists of.
     *
     * @param kept runs of the old layout that the new one needs too
     * @param layout can be had once the sinks are finished
     */
    record Draft(List<Run> kept, Supplier<StateLayout> layout) {}

    /** Writes one state. */
    Draft write(StateView state, RewritePlan.State captured) throws IOException {
        try {
            return write(
                    state, RewritePlan.of(captured, settings.extentBytes(), capture.onlyBounds()));
        } catch (LazyStateException e) {
            if (e.kind() == Kind.CLOSED) {
                throw e;
            }
            // What cannot be read must not stop checkpoints of a job that does not need it yet.
            skipped.add(state.name(), e);
            return write(state, RewritePlan.least(captured, settings.extentBytes()));
        }
    }

    private Draft write(StateView state, RewritePlan plan) throws IOException {
        List<@Nullable Placed> written =
                new DeltaWriter(state, plan, deltas, settings.loader()).write();
        BaseWriter folding = new BaseWriter(state, capture.expiries().get(state.name()), bases);
        List<Extent> extents = state.layout().extents();
        List<Run> kept = new ArrayList<>();
        List<Supplier<List<Extent>>> parts = new ArrayList<>();
        for (int i = 0; i < extents.size(); ) {
            Extent extent = extents.get(i);
            if (plan.folds(i)) {
                int end = endOfFold(state, plan, i);
                parts.add(folding.write(extent.lower(), extents.get(end - 1).upper()));
                i = end;
            } else {
                Extent rest = without(extent, plan.merged(extent));
                Placed delta = written.get(i);
                parts.add(() -> List.of(delta == null ? rest : withDelta(rest, delta.run())));
                if (rest.base() != null) {
                    kept.add(rest.base());
                }
                kept.addAll(rest.deltas());
                i++;
            }
        }
        settings.metrics().checkpointRunsMerged().add(plan.runsMerged());
        settings.metrics().checkpointExtentsFolded().add(plan.extentsFolded());
        return new Draft(
                kept,
                () -> {
                    List<Extent> all = new ArrayList<>();
                    parts.forEach(part -> all.addAll(part.get()));
                    return StateLayout.of(all);
                });
    }

    /**
     * The end of what is written in one go, so that extents that shrank are joined. Only resident
     * ones: a cold extent is linked as a whole or not at all.
     */
    private static int endOfFold(StateView state, RewritePlan plan, int from) {
        int end = from + 1;
        while (state.isResident(from)
                && end < state.layout().extents().size()
                && plan.folds(end)
                && state.isResident(end)) {
            end++;
        }
        return end;
    }

    private static Extent without(Extent extent, List<Run> merged) {
        List<Run> deltas = extent.deltas();
        return new Extent(
                extent.lower(),
                extent.upper(),
                extent.base(),
                deltas.subList(0, deltas.size() - merged.size()));
    }

    private static Extent withDelta(Extent extent, Run delta) {
        List<Run> deltas = new ArrayList<>(extent.deltas());
        deltas.add(delta);
        return new Extent(extent.lower(), extent.upper(), extent.base(), deltas);
    }
}
