package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.store.StoredObject;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.rocksdb.Snapshot;

/**
 * The extent maps of views: those that snapshots were taken with, by the snapshot's native handle,
 * and those of open iterators.
 *
 * <p>Whoever reads through a view reads with its maps, so extents may become resident meanwhile,
 * and checkpoints may be adopted. Threads: any.
 */
final class Captures {
    private final Map<Long, Map<PagedState, ExtentMap>> bySnapshot = new ConcurrentHashMap<>();

    private final Map<PagedIterator, ExtentMap> byIterator = new ConcurrentHashMap<>();

    void add(Snapshot snapshot, Collection<PagedState> states) {
        Map<PagedState, ExtentMap> maps = new HashMap<>();
        states.forEach(state -> maps.put(state, state.map()));
        bySnapshot.put(snapshot.getNativeHandle(), maps);
    }

    void remove(Snapshot snapshot) {
        bySnapshot.remove(snapshot.getNativeHandle());
    }

    void add(PagedIterator iterator, ExtentMap map) {
        byIterator.put(iterator, map);
    }

    void remove(PagedIterator iterator) {
        byIterator.remove(iterator);
    }

    /** The map a state had when the snapshot was taken. */
    ExtentMap mapOf(PagedState state, Snapshot snapshot) {
        Map<PagedState, ExtentMap> maps = bySnapshot.get(snapshot.getNativeHandle());
        ExtentMap map = maps == null ? null : maps.get(state);
        if (map == null) {
            throw new LazyStateException(
                    Kind.INTERNAL,
                    PagedRocksDB.where(state),
                    "A read names a snapshot that does not know the state; take the snapshot with"
                            + " getSnapshot() of this database, after the state was registered",
                    null);
        }
        return map;
    }

    /** Whether no view is open. */
    boolean isEmpty() {
        return bySnapshot.isEmpty() && byIterator.isEmpty();
    }

    /** Whether a snapshot sees rows of a range in the main column family. */
    boolean seesLocal(PagedState state, byte[] lower, byte @Nullable [] upper) {
        return bySnapshot.values().stream()
                .map(maps -> maps.get(state))
                .anyMatch(map -> map != null && !map.isEach(lower, upper, of -> !of.isLocal()));
    }

    /** Whether no snapshot sees a cold extent. */
    boolean allResident() {
        return bySnapshot.values().stream()
                .flatMap(maps -> maps.values().stream())
                .allMatch(ExtentMap::allResident);
    }

    /** Adds the files that reads through the views may need. */
    void addObjects(Set<StoredObject> objects) {
        byIterator.values().forEach(map -> objects.addAll(map.layout().objects()));
        bySnapshot.values().stream()
                .flatMap(maps -> maps.values().stream())
                .forEach(map -> objects.addAll(map.layout().objects()));
    }
}
