package io.lazystate.snapshot;

import io.lazystate.manifest.Extent;
import io.lazystate.paging.StateView;
import io.lazystate.run.RunWriter;
import io.lazystate.snapshot.ObjectSink.Placed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;

/**
 * Writes all rows of a key range of one state as new base runs, each an extent of its own.
 *
 * <p>Cost: walks the captured rows: local ones where resident, else pages of all runs. Threads:
 * one.
 */
final class BaseWriter {
    private final StateView state;
    private final RunFiles files;

    BaseWriter(StateView state, RunFiles files) {
        this.state = state;
        this.files = files;
    }

    /**
     * Writes a range.
     *
     * @param upper exclusive; null: to the end
     * @return the extents that take the range's place, once the sink is finished
     */
    Supplier<List<Extent>> write(byte[] lower, byte @Nullable [] upper) throws IOException {
        List<Placed> bases = new ArrayList<>();
        RunWriter writer = null;
        try (RocksIterator rows = state.rows()) {
            for (rows.seek(lower); rows.isValid(); rows.next()) {
                files.checkCancelled();
                byte[] key = rows.key();
                if (upper != null && Arrays.compareUnsigned(key, upper) >= 0) {
                    break;
                }
                writer = writer == null ? files.create() : writer;
                writer.put(key, rows.value());
                if (files.isFull(writer)) {
                    bases.add(files.finish(writer));
                    writer = null;
                }
            }
            rows.status();
            if (writer != null) {
                bases.add(files.finish(writer));
                writer = null;
            }
        } catch (RocksDBException e) {
            throw new IOException("State '" + state.name() + "' could not be read", e);
        } finally {
            if (writer != null) {
                writer.close();
            }
        }
        return () -> cut(lower, upper, bases);
    }

    private static List<Extent> cut(byte[] lower, byte @Nullable [] upper, List<Placed> bases) {
        if (bases.isEmpty()) {
            return List.of(new Extent(lower, upper, null, List.of()));
        }
        List<Extent> parts = new ArrayList<>();
        byte[] from = lower;
        for (int i = 0; i < bases.size(); i++) {
            byte[] to = i + 1 < bases.size() ? bases.get(i + 1).run().meta().firstKey() : upper;
            parts.add(new Extent(from, to, bases.get(i).run(), List.of()));
            if (to != null) {
                from = to;
            }
        }
        return parts;
    }
}
