package io.lazystate.snapshot;

import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.CheckpointMetrics;
import io.lazystate.run.RunFormat;
import io.lazystate.store.RangedReader;
import java.nio.file.Path;
import org.apache.flink.annotation.Internal;

/**
 * What checkpoints are written with.
 *
 * @param format sizes of pages and blocks
 * @param extentBytes raw bytes at which a base run is cut, and objects are closed
 * @param directory for run files on their way to the store; exists, on the database's disk
 * @param reader reads copies back that the store made
 * @param loader reads runs that are merged or copied
 * @param metrics counts what is written
 */
@Internal
public record SnapshotSettings(
        RunFormat format,
        long extentBytes,
        Path directory,
        RangedReader reader,
        PageLoader loader,
        CheckpointMetrics metrics) {}
