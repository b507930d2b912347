package io.lazystate.snapshot;

import io.lazystate.manifest.Manifest;
import io.lazystate.paging.SnapshotView;
import io.lazystate.paging.SnapshotView.HotRow;
import io.lazystate.paging.StateView;
import io.lazystate.run.Run;
import io.lazystate.run.RunWriter;
import io.lazystate.snapshot.ObjectSink.Placed;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Writes the rows that were read most as one run of a checkpoint, for a restore to bring along.
 *
 * <p>They are rows that other runs hold too, as they were captured. Cost: local reads of the hot
 * keys; the rows take one part in {@link #PART} of the state, within {@link #FEWEST_BYTES} and
 * {@link #MAX_BYTES}. Threads: one.
 */
final class HotRowsWriter {
    private static final long MAX_BYTES = 2 << 20;
    private static final long FEWEST_BYTES = 4 << 10;
    private static final int PART = 100;
    private static final int MAX_STATES = 1 << 16;

    private final SnapshotView view;
    private final RunFiles files;

    HotRowsWriter(SnapshotView view, RunFiles files) {
        this.view = view;
        this.files = files;
    }

    /** Writes the run; null if there is nothing to write. */
    @Nullable Placed write() throws IOException {
        Map<StateView, Integer> numbers = new HashMap<>();
        List<StateView> states = view.states();
        states.forEach(state -> numbers.put(state, numbers.size()));
        if (states.size() > MAX_STATES) {
            return null;
        }
        NavigableMap<byte[], byte[]> rows = new TreeMap<>(Arrays::compareUnsigned);
        long left = Math.max(FEWEST_BYTES, Math.min(MAX_BYTES, storedBytes(states) / PART));
        for (Iterator<HotRow> hottest = view.hotRows().iterator();
                left > 0 && hottest.hasNext(); ) {
            HotRow row = hottest.next();
            files.checkCancelled();
            long bytes = (long) row.key().length + row.value().length;
            if (bytes <= left) {
                rows.put(key(numbers.getOrDefault(row.state(), 0), row.key()), row.value());
                left -= bytes;
            }
        }
        if (rows.isEmpty()) {
            return null;
        }
        try (RunWriter writer = files.create()) {
            rows.forEach(writer::put);
            return files.finish(writer);
        }
    }

    private static long storedBytes(List<StateView> states) {
        long bytes = 0;
        for (StateView state : states) {
            for (Run run : state.layout().runs()) {
                bytes += run.meta().tableBytes();
            }
        }
        return bytes;
    }

    private static byte[] key(int state, byte[] key) {
        byte[] prefixed = new byte[Manifest.HOT_PREFIX_BYTES + key.length];
        prefixed[0] = (byte) (state >>> 8);
        prefixed[1] = (byte) state;
        System.arraycopy(key, 0, prefixed, Manifest.HOT_PREFIX_BYTES, key.length);
        return prefixed;
    }
}
