package io.lazystate.manifest;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The runs and objects of a manifest that is being written, numbered in order of first use, and the
 * page tables that go with them. Not thread-safe.
 */
final class RunTable {

    private static final byte[] NOT_INLINED = {};

    private final List<Run> runs = new ArrayList<>();
    private final Map<Run, Integer> runIndexes = new HashMap<>();
    private final List<StoredObject> objects = new ArrayList<>();
    private final Map<StoredObject, Integer> objectIndexes = new HashMap<>();
    private final Map<Run, byte[]> inlined = new HashMap<>();

    private RunTable() {}

    /**
     * @param readFirst names of states whose page tables are inlined before all others
     */
    static RunTable of(Manifest manifest, long inlineBudgetBytes, Set<String> readFirst) {
        RunTable table = new RunTable();
        Set<Run> first = new HashSet<>();
        manifest.states()
                .forEach(
                        (state, layout) -> {
                            layout.runs().forEach(table::add);
                            if (readFirst.contains(state)) {
                                first.addAll(layout.runs());
                            }
                        });
        table.inline(inlineBudgetBytes, first);
        return table;
    }

    List<Run> runs() {
        return runs;
    }

    List<StoredObject> objects() {
        return objects;
    }

    int indexOf(Run run) {
        return Objects.requireNonNull(runIndexes.get(run));
    }

    int indexOf(StoredObject object) {
        return Objects.requireNonNull(objectIndexes.get(object));
    }

    /** The encoded page table that goes into the manifest; empty if none does. */
    byte[] inlined(Run run) {
        return inlined.getOrDefault(run, NOT_INLINED);
    }

    private void add(Run run) {
        if (runIndexes.putIfAbsent(run, runs.size()) != null) {
            return; // Two states share no run, but nothing breaks if they do.
        }
        runs.add(run);
        StoredObject object = run.object();
        Integer index = objectIndexes.putIfAbsent(object, objects.size());
        if (index == null) {
            objects.add(object);
        } else if (objects.get(index).length() != object.length()) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    Where.object(object.location()),
                    "the object occurs with two lengths in one manifest",
                    null);
        }
    }

    /** The small ones before the large ones: that saves the most round trips for the budget. */
    private void inline(long budgetBytes, Set<Run> first) {
        List<Run> candidates = new ArrayList<>(runs);
        candidates.sort(
                Comparator.comparing((Run run) -> !first.contains(run))
                        .thenComparingInt(run -> run.meta().pageTableBytes()));
        long left = budgetBytes;
        for (Run run : candidates) {
            PageTable pageTable = run.pageTable();
            if (pageTable == null) {
                continue;
            }
            left -= run.meta().pageTableBytes();
            if (left < 0) {
                return;
            }
            inlined.put(run, pageTable.toBytes());
        }
    }
}
