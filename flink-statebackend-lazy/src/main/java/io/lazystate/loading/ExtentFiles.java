package io.lazystate.loading;

import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadCause;
import io.lazystate.run.RowCursor;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns an extent's runs into local files that can be linked.
 *
 * <p>The base is downloaded as it is, one read and no row decoded, unless the extent was clipped by
 * a rescale: then only its part is rewritten. The deltas are merged into a second file.
 */
final class ExtentFiles {
    private static final Logger LOG = LoggerFactory.getLogger(ExtentFiles.class);

    private final PageLoader loader;
    private final RunFormat format;
    private final Path directory;

    ExtentFiles(PageLoader loader, RunFormat format, Path directory) {
        this.loader = loader;
        this.format = format;
        this.directory = directory;
    }

    /**
     * Fetches an extent; the caller owns the files.
     *
     * @throws LazyStateException as of the reads, naming the state; no file is left then
     */
    LinkTarget.Linkable fetch(ColdExtent cold, LoadCause cause) {
        Path baseFile = null;
        try {
            baseFile = fetchBase(cold.extent(), cause);
            return new LinkTarget.Linkable(cold, baseFile, fetchChanges(cold.extent(), cause));
        } catch (LazyStateException e) {
            if (baseFile != null) {
                delete(baseFile);
            }
            throw e.inState(cold.state());
        }
    }

    /** Deletes what was fetched. */
    void delete(LinkTarget.Linkable linkable) {
        for (Path file : new Path[] {linkable.base(), linkable.changes()}) {
            if (file != null) {
                delete(file);
            }
        }
    }

    private @Nullable Path fetchBase(Extent extent, LoadCause cause) {
        Run base = extent.base();
        if (base == null) {
            return null;
        }
        if (!covers(extent, base)) {
            return rewrite(extent, List.of(cursor(base, false, cause)), false);
        }
        Path file = newFile();
        try {
            loader.download(base, file, cause);
            return file;
        } catch (LazyStateException e) {
            delete(file);
            throw e;
        }
    }

    private @Nullable Path fetchChanges(Extent extent, LoadCause cause) {
        List<RowCursor> newestFirst = new ArrayList<>();
        for (Run delta : extent.deltas()) {
            newestFirst.add(0, cursor(delta, true, cause));
        }
        return newestFirst.isEmpty() ? null : rewrite(extent, newestFirst, true);
    }

    private static boolean covers(Extent extent, Run run) {
        byte[] upper = extent.upper();
        return Arrays.compareUnsigned(extent.lower(), run.meta().firstKey()) <= 0
                && (upper == null || Arrays.compareUnsigned(run.meta().lastKey(), upper) < 0);
    }

    private @Nullable Path rewrite(
            Extent extent, List<? extends RowCursor> newestFirst, boolean keepRemovals) {
        MergeCursor rows =
                new MergeCursor(newestFirst, extent.lower(), extent.upper(), keepRemovals);
        rows.seekToFirst();
        if (!rows.valid()) {
            return null;
        }
        Path file = newFile();
        try (RunWriter writer = new RunWriter(file, format)) {
            for (; rows.valid(); rows.next()) {
                if (rows.isRemoval()) {
                    writer.remove(rows.key());
                } else {
                    writer.put(rows.key(), rows.value());
                }
            }
            return writer.finish().file();
        }
    }

    private RunCursor cursor(Run run, boolean removals, LoadCause cause) {
        return new RunCursor(
                loader.pageTable(run, cause), removals, new SequentialPages(loader, run, cause));
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.debug("A file goes with the backend's directory: {}", file, e);
        }
    }

    private Path newFile() {
        return directory.resolve("link-" + UUID.randomUUID() + ".sst");
    }
}
