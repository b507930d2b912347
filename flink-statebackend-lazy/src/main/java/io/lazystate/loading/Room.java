package io.lazystate.loading;

import org.apache.flink.annotation.Internal;

/**
 * Whether the local disk has room for one more extent; a {@link Hydrator} asks before each fetch.
 *
 * <p>Threads: those of all hydrators that share it, at once; an answer comes without waiting. After
 * a no the hydrator fetches nothing more in this run: what is left stays cold, which is no failure.
 */
@Internal
@FunctionalInterface
public interface Room {
    /** Without a bound. */
    Room ENDLESS = next -> true;

    /**
     * Whether an extent fits. After a yes it counts as on its way, until {@link #arrived} is called
     * with the same object.
     */
    boolean fits(ColdExtent next);

    /**
     * Called once for each extent that fitted: it is linked, and counts as local state from now on,
     * or its files are deleted.
     */
    default void arrived(ColdExtent extent) {}
}
