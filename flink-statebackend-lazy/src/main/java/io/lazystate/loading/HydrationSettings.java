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
 * @param connections extents that are fetched at the same time at the most
 * @param statesFirst names of states that come before all others, in this order
 * @param maxBytesPerSecond of what is fetched in the background; 0 for no limit
 */
@Internal
public record HydrationSettings(
        RunFormat format,
        Path directory,
        int connections,
        List<String> statesFirst,
        long maxBytesPerSecond) {

    public HydrationSettings {
        statesFirst = List.copyOf(statesFirst);
    }
}
