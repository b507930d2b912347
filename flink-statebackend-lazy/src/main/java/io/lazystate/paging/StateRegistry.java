package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.StateLayout;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;

/**
 * The states of one database, by column family.
 *
 * <p>Threads: the task thread changes it, by replacing its maps; any thread reads.
 */
final class StateRegistry {
    /** By identity, since equality of handles costs native calls. */
    private volatile IdentityHashMap<ColumnFamilyHandle, PagedState> byFamily =
            new IdentityHashMap<>();

    private volatile Map<Integer, PagedState> byFamilyId = new LinkedHashMap<>();
    private int lastId;
    private boolean tracksWrites;

    /** Adds a state without runs. */
    void add(ColumnFamilyHandle family, String name, ChangeLog changes) {
        ExtentMap map = ExtentMap.local(StateLayout.empty());
        PagedState state = new PagedState(++lastId, name, family, map, changes);
        if (tracksWrites) {
            state.trackWrites();
        }
        IdentityHashMap<ColumnFamilyHandle, PagedState> families = new IdentityHashMap<>(byFamily);
        Map<Integer, PagedState> ids = new LinkedHashMap<>(byFamilyId);
        families.put(family, state);
        ids.put(family.getID(), state);
        byFamily = families;
        byFamilyId = ids;
    }

    void remove(PagedState state) {
        IdentityHashMap<ColumnFamilyHandle, PagedState> families = new IdentityHashMap<>(byFamily);
        Map<Integer, PagedState> ids = new LinkedHashMap<>(byFamilyId);
        families.values().remove(state);
        ids.values().remove(state);
        byFamily = families;
        byFamilyId = ids;
    }

    /** From now on, {@link PagedState#isClean} can tell, also of states that are yet to come. */
    void trackWrites() {
        tracksWrites = true;
        all().forEach(PagedState::trackWrites);
    }

    /** In the order they were added. */
    Collection<PagedState> all() {
        return byFamilyId.values();
    }

    boolean contains(PagedState state) {
        return byFamily.containsValue(state);
    }

    boolean allResident() {
        for (PagedState state : all()) {
            if (!state.map().allResident()) {
                return false;
            }
        }
        return true;
    }

    /** Pages of all runs. */
    long pages() {
        return all().stream()
                .flatMap(state -> state.map().layout().runs().stream())
                .mapToLong(run -> run.meta().pageCount())
                .sum();
    }

    /** Stored bytes of the base runs of all extents, or of the local ones. */
    long baseBytes(boolean localOnly) {
        return all().stream().mapToLong(state -> state.map().baseBytes(localOnly)).sum();
    }

    PagedState of(ColumnFamilyHandle family) {
        return known(byFamily.get(family));
    }

    /** The state with RocksDB's id of its column family, as write batches name it. */
    PagedState ofId(int familyId) {
        return known(byFamilyId.get(familyId));
    }

    @Nullable PagedState named(String name) {
        for (PagedState state : all()) {
            if (state.name().equals(name)) {
                return state;
            }
        }
        return null;
    }

    private static PagedState known(@Nullable PagedState state) {
        if (state == null) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    Where.NOWHERE,
                    "A column family is used that holds no registered state; create it through"
                            + " this database",
                    null);
        }
        return state;
    }
}
