package io.lazystate.loading;

import io.lazystate.run.RunFormat;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.annotation.Internal;

/**
 * How a {@link Hydrator} works.
 *
 * @param format of files that it has to write
 * @param directory on the file system of the local database, so that files can be moved into it
 * @param connections fetches at the same time at the most
 * @param statesFirst names of states that come before all others, in this order
 * @param joinedBytes bytes of small neighbours that are fetched with one read, on the heap; 0 for
 *     each on its own
 * @param maxBytesPerSecond of what is fetched in the background; 0 for no limit
 */
@Internal
public record HydrationSettings(
        RunFormat format,
        Path directory,
        int connections,
        List<String> statesFirst,
        long joinedBytes,
        long maxBytesPerSecond) {

    public HydrationSettings {
        statesFirst = List.copyOf(statesFirst);
    }
}
