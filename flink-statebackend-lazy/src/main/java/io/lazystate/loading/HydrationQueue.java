package io.lazystate.loading;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Extents that are to be hydrated, the next one first: chosen states, then what is read most, then
 * the rest as it came. What failed comes again behind all others.
 *
 * <p>Threads: one. Cost: sorts again when extents were read since the last time.
 */
final class HydrationQueue {
    private final ExtentHeat heat;
    private final List<String> statesFirst;
    private final List<ColdExtent> again = new ArrayList<>();
    private final Neighbours neighbours;

    /** The next one last. */
    private List<ColdExtent> rest;

    private long sortedAt = -1;

    HydrationQueue(List<ColdExtent> extents, HydrationSettings settings, ExtentHeat heat) {
        this.heat = heat;
        this.statesFirst = settings.statesFirst();
        this.neighbours = new Neighbours(extents, settings.joinedBytes());
        this.rest = new ArrayList<>(extents);
        Collections.reverse(rest);
    }

    boolean isEmpty() {
        return rest.isEmpty() && again.isEmpty();
    }

    /** The next one, which stays. */
    ColdExtent peek() {
        sort();
        return rest.get(rest.size() - 1);
    }

    /** One that can be fetched with the same read, whatever its turn; it stays. */
    @Nullable ColdExtent peekBeside(Neighbours.Span span) {
        return neighbours.next(span);
    }

    /** Takes one out, whatever its turn is by now. */
    void remove(ColdExtent extent) {
        rest.remove(rest.lastIndexOf(extent));
        neighbours.remove(extent);
    }

    /** Takes one in that failed. */
    void addAgain(ColdExtent extent) {
        again.add(extent);
    }

    /** All that are left, in no order. */
    List<ColdExtent> all() {
        List<ColdExtent> all = new ArrayList<>(rest);
        all.addAll(again);
        return all;
    }

    private void sort() {
        if (rest.isEmpty()) {
            rest.addAll(again);
            Collections.reverse(rest);
            again.clear();
            sortedAt = -1;
        }
        long reads = heat.reads();
        if (reads != sortedAt) {
            sortedAt = reads;
            IdentityHashMap<ColdExtent, Double> levels = new IdentityHashMap<>();
            rest.forEach(cold -> levels.put(cold, heat.of(cold.extent())));
            rest.sort(
                    Comparator.<ColdExtent>comparingInt(cold -> rank(cold.state()))
                            .reversed()
                            .thenComparingDouble(levels::get));
        }
    }

    private int rank(String state) {
        int index = statesFirst.indexOf(state);
        return index < 0 ? statesFirst.size() : index;
    }
}
