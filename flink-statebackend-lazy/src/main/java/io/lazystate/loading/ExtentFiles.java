package io.lazystate.loading;

import static java.util.Objects.requireNonNull;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadCause;
import io.lazystate.run.RowCursor;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import io.lazystate.run.RunFormat;
import io.lazystate.run.TableWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns an extent's runs into local files that can be linked.
 *
 * <p>The base is downloaded as it is, one read and no row decoded, small neighbours together,
 * unless the extent was clipped by a rescale: then only its part is rewritten. The deltas are
 * merged into a second file.
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
     * A file of one extent.
     *
     * @param file null if there are no rows for it, or if it failed
     * @param failure as of the reads, naming the state; null if it did not fail
     */
    record Fetched(@Nullable Path file, @Nullable LazyStateException failure) {}

    /**
     * Fetches the bases of extents; the caller owns the files.
     *
     * @param batch neighbours of one object, whose bases are fetched with one read; or one extent
     * @return one for each of them, in order
     */
    List<Fetched> bases(List<ColdExtent> batch, LoadCause cause) {
        List<ByteBuffer> tables;
        try {
            tables = batch.size() == 1 ? List.of() : readTables(batch, cause);
        } catch (LazyStateException e) {
            return batch.stream().map(cold -> failed(cold, e)).toList();
        }
        List<Fetched> bases = new ArrayList<>(batch.size());
        for (int i = 0; i < batch.size(); i++) {
            ColdExtent cold = batch.get(i);
            ByteBuffer table = tables.isEmpty() ? null : tables.get(i);
            bases.add(fetched(cold, () -> table == null ? fetchBase(cold, cause) : write(table)));
        }
        return bases;
    }

    /**
     * Fetches what the deltas of extents changed, one extent after the other; the caller owns the
     * files.
     *
     * @return one for each of them, in order
     */
    List<Fetched> changes(List<ColdExtent> batch, LoadCause cause) {
        List<Fetched> changes = new ArrayList<>(batch.size());
        for (ColdExtent cold : batch) {
            changes.add(fetched(cold, () -> fetchChanges(cold.extent(), cause)));
        }
        return changes;
    }

    private interface Work {
        @Nullable Path run();
    }

    private static Fetched fetched(ColdExtent cold, Work work) {
        try {
            return new Fetched(work.run(), null);
        } catch (LazyStateException e) {
            return failed(cold, e);
        }
    }

    private static Fetched failed(ColdExtent cold, LazyStateException e) {
        return new Fetched(null, e.inState(cold.state()));
    }

    /**
     * The tables of the bases, with one read; none if they are damaged: each is tried alone then.
     */
    private List<ByteBuffer> readTables(List<ColdExtent> batch, LoadCause cause) {
        List<Run> bases = batch.stream().map(cold -> requireNonNull(cold.wholeBase())).toList();
        try {
            return loader.reads().tables(bases, cause);
        } catch (LazyStateException e) {
            if (e.kind() != Kind.CORRUPT) {
                throw e;
            }
            LOG.debug("Of several runs one is damaged; each is fetched alone", e);
            return List.of();
        }
    }

    private Path write(ByteBuffer table) {
        Path file = newFile();
        try (OutputStream out = Files.newOutputStream(file)) {
            out.write(table.array(), table.arrayOffset() + table.position(), table.remaining());
            return file;
        } catch (IOException e) {
            delete(file);
            if (e instanceof ClosedByInterruptException) {
                throw Futures.stopped(e);
            }
            throw new LazyStateException(
                    Kind.UNAVAILABLE,
                    Where.NOWHERE,
                    "cannot write the local file " + file + ": " + e + "; check the local disk",
                    e);
        }
    }

    private @Nullable Path fetchBase(ColdExtent cold, LoadCause cause) {
        Extent extent = cold.extent();
        Run base = extent.base();
        if (base == null) {
            return null;
        }
        if (cold.wholeBase() == null) {
            return rewrite(extent, List.of(cursor(extent, base, cause)), false);
        }
        Path file = newFile();
        try {
            loader.reads().download(base, file, cause);
            return file;
        } catch (LazyStateException e) {
            delete(file);
            throw e;
        }
    }

    private @Nullable Path fetchChanges(Extent extent, LoadCause cause) {
        List<RowCursor> newestFirst = new ArrayList<>();
        for (Run delta : extent.deltas()) {
            newestFirst.add(0, cursor(extent, delta, cause));
        }
        return newestFirst.isEmpty() ? null : rewrite(extent, newestFirst, true);
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
        try (TableWriter writer = new TableWriter(file, format)) {
            for (; rows.valid(); rows.next()) {
                if (rows.isRemoval()) {
                    writer.remove(rows.key());
                } else {
                    writer.put(rows.key(), rows.value());
                }
            }
            writer.finish();
            return file;
        }
    }

    private RunCursor cursor(Extent extent, Run run, LoadCause cause) {
        return new RunCursor(
                loader.indexes().pageTable(run, cause),
                run != extent.base(),
                new SequentialPages(loader, run, cause, extent.upper()));
    }

    /** Deletes a file that is not linked. */
    static void delete(Path file) {
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
