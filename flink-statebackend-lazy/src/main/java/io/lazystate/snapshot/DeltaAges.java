package io.lazystate.snapshot;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The delta runs of one state by age, in generations.
 *
 * <p>Shape: a run's generation is the number of newer runs that lie over it, one over the other, in
 * any extents; so what an extent has in the youngest k generations are its newest runs. Runs of one
 * generation share no key: they are of one checkpoint, or of different subtasks before a rescale.
 */
final class DeltaAges {
    private final Map<Run, Integer> generationOf = new HashMap<>();
    private final List<Set<Run>> youngestFirst = new ArrayList<>();

    private DeltaAges() {}

    /** Cost: walks all extents, once for each generation at most. */
    static DeltaAges of(StateLayout layout) {
        DeltaAges ages = new DeltaAges();
        while (ages.raise(layout)) {
            // until no run lies below one that is as old
        }
        ages.generationOf.forEach(
                (run, generation) -> {
                    while (ages.youngestFirst.size() <= generation) {
                        ages.youngestFirst.add(new LinkedHashSet<>());
                    }
                    ages.youngestFirst.get(generation).add(run);
                });
        return ages;
    }

    private boolean raise(StateLayout layout) {
        boolean raised = false;
        for (Extent extent : layout.extents()) {
            int generation = 0;
            List<Run> deltas = extent.deltas();
            for (int i = deltas.size() - 1; i >= 0; i--) {
                Run delta = deltas.get(i);
                generation = Math.max(generation, generationOf.getOrDefault(delta, -1));
                Integer before = generationOf.put(delta, generation);
                raised |= before == null || before != generation;
                generation++;
            }
        }
        return raised;
    }

    int generations() {
        return youngestFirst.size();
    }

    /** The runs of a generation; 0 is the youngest. */
    Set<Run> generation(int index) {
        return youngestFirst.get(index);
    }

    /** The extent's runs of the youngest generations, newest first. */
    List<Run> youngest(Extent extent, int generations) {
        List<Run> runs = new ArrayList<>();
        List<Run> deltas = extent.deltas();
        for (int i = deltas.size() - 1; i >= 0 && isIn(deltas.get(i), generations); i--) {
            runs.add(deltas.get(i));
        }
        return runs;
    }

    private boolean isIn(Run delta, int generations) {
        return generationOf.getOrDefault(delta, 0) < generations;
    }
}
