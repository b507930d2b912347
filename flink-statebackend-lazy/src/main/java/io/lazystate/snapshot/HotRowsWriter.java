package io.lazystate.snapshot;

import io.lazystate.paging.SnapshotView;
import io.lazystate.paging.SnapshotView.HotRow;
import io.lazystate.paging.StateView;
import io.lazystate.run.RowBlock;
import io.lazystate.run.Run;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.core.fs.ICloseableRegistry;

/**
 * Collects the rows that were read most, for a restore to bring along.
 *
 * <p>They are rows that runs hold too, as they were captured. Cost: local reads of the hot keys;
 * the rows take one part in {@link #PART} of the state, within {@link #FEWEST_BYTES} and {@link
 * #MAX_BYTES}. Threads: one, and a cancelling one that closes the registry.
 */
final class HotRowsWriter {
    private static final long MAX_BYTES = 2 << 20;
    private static final long FEWEST_BYTES = 4 << 10;
    private static final int PART = 100;

    private final SnapshotView view;
    private final LongAdder bytesTaken;
    private final ICloseableRegistry cancel;

    /**
     * @param bytesTaken counts the bytes of keys and values
     */
    HotRowsWriter(SnapshotView view, LongAdder bytesTaken, ICloseableRegistry cancel) {
        this.view = view;
        this.bytesTaken = bytesTaken;
        this.cancel = cancel;
    }

    /** The rows by the names of their states. */
    Map<String, RowBlock> collect() throws IOException {
        Map<String, SortedMap<byte[], byte[]>> rows = new HashMap<>();
        long left = Math.max(FEWEST_BYTES, Math.min(MAX_BYTES, storedBytes() / PART));
        for (Iterator<HotRow> hottest = view.hotRows().iterator();
                left > 0 && hottest.hasNext(); ) {
            HotRow row = hottest.next();
            if (cancel.isClosed()) {
                throw new IOException("The checkpoint was cancelled");
            }
            long bytes = (long) row.key().length + row.value().length;
            if (bytes <= left) {
                rows.computeIfAbsent(
                                row.state().name(), name -> new TreeMap<>(Arrays::compareUnsigned))
                        .put(row.key(), row.value());
                left -= bytes;
                bytesTaken.add(bytes);
            }
        }
        Map<String, RowBlock> blocks = new HashMap<>();
        rows.forEach((state, hot) -> blocks.put(state, RowBlock.of(hot)));
        return blocks;
    }

    private long storedBytes() {
        long bytes = 0;
        for (StateView state : view.states()) {
            for (Run run : state.layout().runs()) {
                bytes += run.meta().tableBytes();
            }
        }
        return bytes;
    }
}
