package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.RocksDBException;

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
        PagedState state = new PagedState(++lastId, name, family, changes);
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

    /** Takes a state out, whose column family is not used from now on. */
    synchronized void remove(PagedState state) {
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

    /** Stored bytes of the base runs of the extents of this kind. */
    long baseBytes(Predicate<ExtentState> kind) {
        return all().stream().mapToLong(state -> state.map().baseBytes(kind)).sum();
    }

    /** Something that is measured of a column family. */
    interface Measure {
        long of(PagedState state) throws RocksDBException;
    }

    /** A sum over all states, none of which is taken out meanwhile. Threads: any. */
    synchronized long sum(Measure measure) throws RocksDBException {
        long sum = 0;
        for (PagedState state : all()) {
            sum += measure.of(state);
        }
        return sum;
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
