package io.lazystate.snapshot;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.ChangedKeys;
import io.lazystate.paging.StateView;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.run.WrittenRun;
import io.lazystate.snapshot.ObjectSink.Placed;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import org.apache.flink.core.fs.ICloseableRegistry;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * Writes what changed of one state: a delta run over all its extents, and new base runs of those
 * that fold.
 *
 * <p>Cost: reads changed rows locally; reads a cold extent only if it folds. Threads: one.
 */
final class StateWriter {
    private static final int ROWS_A_CANCEL_CHECK = 1024;

    /**
     * A state on its way to the store.
     *
     * @param kept earlier runs that the new layout goes on using
     * @param layout the new layout, once the sink is finished
     */
    record Unfinished(Set<Run> kept, Supplier<StateLayout> layout) {}

    private final ObjectSink sink;
    private final RunFormat format;
    private final long extentBytes;
    private final Path directory;
    private final ICloseableRegistry cancel;
    private int rows;

    /**
     * @param extentBytes raw bytes at which a base run is cut
     * @param directory for run files on their way to the sink; exists
     */
    StateWriter(
            ObjectSink sink,
            RunFormat format,
            long extentBytes,
            Path directory,
            ICloseableRegistry cancel) {
        this.sink = sink;
        this.format = format;
        this.extentBytes = extentBytes;
        this.directory = directory;
        this.cancel = cancel;
    }

    /** Writes one state. */
    Unfinished write(StateView state) throws IOException {
        List<Extent> extents = state.layout().extents();
        long[] changed = countChanges(state);
        boolean[] folds = new boolean[extents.size()];
        for (int i = 0; i < folds.length; i++) {
            folds[i] = FoldPolicy.folds(extents.get(i), i, changed[i], state.isResident(i));
        }
        List<@Nullable Placed> deltas = writeDeltas(state, changed, folds);
        Set<Run> kept = new LinkedHashSet<>();
        List<Supplier<List<Extent>>> parts = new ArrayList<>();
        for (int i = 0; i < folds.length; i++) {
            Extent extent = extents.get(i);
            Placed delta = deltas.get(i);
            if (folds[i]) {
                parts.add(fold(state, extent));
                continue;
            }
            Run base = extent.base();
            if (base != null) {
                kept.add(base);
            }
            kept.addAll(extent.deltas());
            if (delta != null) {
                parts.add(() -> List.of(withDelta(extent, delta.run())));
            } else {
                parts.add(() -> List.of(extent));
            }
        }
        return new Unfinished(kept, () -> joined(parts));
    }

    private static StateLayout joined(List<Supplier<List<Extent>>> parts) {
        List<Extent> all = new ArrayList<>();
        parts.forEach(part -> all.addAll(part.get()));
        return StateLayout.of(all);
    }

    private long[] countChanges(StateView state) throws IOException {
        List<Extent> extents = state.layout().extents();
        long[] changed = new long[extents.size()];
        try (ChangedKeys keys = ChangedKeys.merge(state.changes())) {
            for (int i = 0; keys.advance(); changed[i]++) {
                checkCancelled();
                while (!isBefore(keys.key(), extents.get(i).upper())) {
                    i++;
                }
            }
        }
        return changed;
    }

    /** Writes delta runs; returns for each extent the one that holds its changes. */
    private List<@Nullable Placed> writeDeltas(StateView state, long[] changed, boolean[] folds)
            throws IOException {
        List<Extent> extents = state.layout().extents();
        List<@Nullable Placed> deltas = new ArrayList<>();
        int placedUpTo = 0;
        RunWriter writer = null;
        try (ChangedKeys keys = ChangedKeys.merge(state.changes())) {
            boolean more = keys.advance();
            for (int i = 0; i < extents.size(); i++) {
                deltas.add(null);
                byte[] upper = extents.get(i).upper();
                for (; more && isBefore(keys.key(), upper); more = keys.advance()) {
                    checkCancelled();
                    if (!folds[i]) {
                        writer = writer == null ? newWriter() : writer;
                        writeRow(writer, keys.key(), state.changedValue(keys.key()));
                    }
                }
                if (writer != null && writer.rawBytes() >= extentBytes) {
                    place(finish(writer), deltas, placedUpTo, changed, folds);
                    writer = null;
                    placedUpTo = i + 1;
                }
            }
            if (writer != null) {
                place(finish(writer), deltas, placedUpTo, changed, folds);
                writer = null;
            }
        } finally {
            if (writer != null) {
                writer.close();
            }
        }
        return deltas;
    }

    private static void place(
            Placed delta,
            List<@Nullable Placed> deltas,
            int from,
            long[] changed,
            boolean[] folds) {
        for (int i = from; i < deltas.size(); i++) {
            if (changed[i] > 0 && !folds[i]) {
                deltas.set(i, delta);
            }
        }
    }

    /** Writes all rows of an extent as new base runs, each an extent of its own. */
    private Supplier<List<Extent>> fold(StateView state, Extent extent) throws IOException {
        List<Placed> bases = new ArrayList<>();
        RunWriter writer = null;
        try (RocksIterator rows = state.rows()) {
            for (rows.seek(extent.lower()); rows.isValid(); rows.next()) {
                checkCancelled();
                byte[] key = rows.key();
                if (!isBefore(key, extent.upper())) {
                    break;
                }
                writer = writer == null ? newWriter() : writer;
                writer.put(key, rows.value());
                if (writer.rawBytes() >= extentBytes) {
                    bases.add(finish(writer));
                    writer = null;
                }
            }
            rows.status();
            if (writer != null) {
                bases.add(finish(writer));
                writer = null;
            }
        } catch (RocksDBException e) {
            throw new IOException("State '" + state.name() + "' could not be read", e);
        } finally {
            if (writer != null) {
                writer.close();
            }
        }
        return () -> cut(extent, bases);
    }

    private static List<Extent> cut(Extent extent, List<Placed> bases) {
        if (bases.isEmpty()) {
            return List.of(new Extent(extent.lower(), extent.upper(), null, List.of()));
        }
        List<Extent> parts = new ArrayList<>();
        byte[] lower = extent.lower();
        for (int i = 0; i < bases.size(); i++) {
            byte[] upper =
                    i + 1 < bases.size()
                            ? bases.get(i + 1).run().meta().firstKey()
                            : extent.upper();
            parts.add(new Extent(lower, upper, bases.get(i).run(), List.of()));
            if (upper != null) {
                lower = upper;
            }
        }
        return parts;
    }

    private static Extent withDelta(Extent extent, Run delta) {
        List<Run> deltas = new ArrayList<>(extent.deltas());
        deltas.add(delta);
        return new Extent(extent.lower(), extent.upper(), extent.base(), deltas);
    }

    private RunWriter newWriter() {
        return new RunWriter(directory.resolve("run-" + UUID.randomUUID() + ".sst"), format);
    }

    private Placed finish(RunWriter writer) throws IOException {
        try (WrittenRun run = writer.finish()) {
            return sink.append(run);
        }
    }

    private static void writeRow(RunWriter writer, byte[] key, byte @Nullable [] value) {
        if (value == null) {
            writer.remove(key);
        } else {
            writer.put(key, value);
        }
    }

    private void checkCancelled() throws IOException {
        if (++rows % ROWS_A_CANCEL_CHECK == 0 && cancel.isClosed()) {
            throw new IOException("The checkpoint was cancelled");
        }
    }

    private static boolean isBefore(byte[] key, byte @Nullable [] upper) {
        return upper == null || Arrays.compareUnsigned(key, upper) < 0;
    }
}
