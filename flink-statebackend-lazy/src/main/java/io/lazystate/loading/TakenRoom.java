package io.lazystate.loading;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * What one run of a hydrator has taken of a {@link Room}: each extent is given back once, whatever
 * happens. Threads: one.
 */
final class TakenRoom {
    private final Room room;
    private final Set<ColdExtent> taken = Collections.newSetFromMap(new IdentityHashMap<>());
    private boolean full;

    TakenRoom(Room room) {
        this.room = room;
    }

    /** Takes room if there is some; after the first no it is always no. */
    boolean take(ColdExtent next) {
        full = full || !room.fits(next);
        if (!full) {
            taken.add(next);
        }
        return !full;
    }

    /** Whether something did not fit. */
    boolean full() {
        return full;
    }

    void arrived(ColdExtent extent) {
        if (taken.remove(extent)) {
            room.arrived(extent);
        }
    }

    /** For the end of a run: gives back what is left. */
    void close() {
        taken.forEach(room::arrived);
        taken.clear();
    }
}
