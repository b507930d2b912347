package io.lazystate.loading;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Takes whole extents into the local database.
 *
 * <p>Threads: any link, one at a time; the extents become resident later, at the task thread's next
 * access. An extent that another thread has linked meanwhile is not linked again.
 */
@Internal
public interface LinkTarget {
    /**
     * One extent's rows as local files in RocksDB table format, clipped to the extent.
     *
     * @param base its base rows; null if there are none
     * @param changes rows of its deltas, newest wins, over the base; null if there are none
     */
    record Linkable(ColdExtent extent, @Nullable Path base, @Nullable Path changes) {}

    /**
     * Announces that the chosen ones of the cold extents are being fetched. Until the pin is closed
     * every new checkpoint keeps their files (I11), and they stay such that what is fetched can be
     * linked, also if checkpoints go on from them meanwhile.
     *
     * @param chosen asked at once, of each that is cold
     */
    Pin pin(Predicate<ColdExtent> chosen);

    /** Called when hydration ends or pauses, so that the database goes back to its normal work. */
    void linkingDone();

    /** The extents that are being fetched; closing it twice does nothing. */
    interface Pin extends AutoCloseable {
        /** The extents, as they are to be fetched. */
        List<ColdExtent> extents();

        /**
         * Links extents of this pin, those of one state with one call; the files are moved or
         * deleted.
         *
         * @throws io.lazystate.error.LazyStateException of the first state whose extents could not
         *     be linked; those of the others are
         */
        void link(List<Linkable> extents);

        @Override
        void close();
    }
}
