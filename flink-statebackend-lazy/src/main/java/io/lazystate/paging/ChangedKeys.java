package io.lazystate.paging;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The distinct keys of several intervals of one state, in unsigned byte order.
 *
 * <p>A merge of sorted chunks through a binary heap. Heap memory: while a chunk is sorted about
 * three times its size; then a buffer of 4 to 64 KB for each chunk in a file, together 4 MB as long
 * as there are at most 1,024. Ownership: holds a reference of its own on every interval until
 * {@link #close()}; the caller's stay the caller's. Not thread-safe, but several may read the same
 * intervals at once.
 */
@Internal
public final class ChangedKeys implements AutoCloseable {

    private static final int BUFFERS_BYTES = 1 << 22;
    private static final int SMALLEST_BUFFER_BYTES = 1 << 12;
    private static final int LARGEST_BUFFER_BYTES = 1 << 16;

    private final List<ChangeInterval> intervals;

    /** A binary heap by current key in its first {@code size} places. */
    private final ChunkCursor[] heap;

    private int size;
    private byte @Nullable [] key;

    private ChangedKeys(List<ChangeInterval> intervals, List<ChangeChunk> chunks) {
        this.intervals = intervals;
        this.heap = new ChunkCursor[chunks.size()];
        int bufferBytes =
                Math.max(
                        SMALLEST_BUFFER_BYTES,
                        Math.min(LARGEST_BUFFER_BYTES, BUFFERS_BYTES / Math.max(1, heap.length)));
        for (ChangeChunk chunk : chunks) {
            ChunkCursor cursor = chunk.cursor(bufferBytes);
            if (cursor.advance()) {
                heap[size++] = cursor;
            }
        }
        for (int place = size / 2 - 1; place >= 0; place--) {
            siftDown(place);
        }
    }

    /**
     * Sorts what no earlier call has sorted, and starts before the first key. For the asynchronous
     * phase of a checkpoint: it may read and write every byte of the intervals.
     *
     * @param intervals any number, in any order
     * @throws LazyStateException UNAVAILABLE or CORRUPT if a spill file cannot be read or written,
     *     CLOSED if an interval was released or the thread is interrupted; no change is lost
     */
    public static ChangedKeys merge(List<ChangeInterval> intervals) {
        List<ChangeInterval> retained = new ArrayList<>(intervals.size());
        boolean done = false;
        try {
            List<ChangeChunk> chunks = new ArrayList<>();
            for (ChangeInterval interval : intervals) {
                retained.add(interval.retain());
                chunks.addAll(interval.chunks());
            }
            KeySorter sorter = new KeySorter();
            for (ChangeChunk chunk : chunks) {
                requireNotInterrupted();
                chunk.sort(sorter);
            }
            ChangedKeys merged = new ChangedKeys(retained, chunks);
            done = true;
            return merged;
        } finally {
            if (!done) {
                releaseAll(retained);
            }
        }
    }

    /**
     * Moves to the next distinct key.
     *
     * @return false at the end, and after {@link #close()}
     */
    public boolean advance() {
        byte[] last = key;
        while (size > 0) {
            if (last == null || !heap[0].keyEquals(last)) {
                key = heap[0].copyKey();
                advanceFirst();
                return true;
            }
            advanceFirst();
        }
        key = null;
        return false;
    }

    /**
     * The current key; the array is the caller's.
     *
     * @throws IllegalStateException before the first key and after the last one
     */
    public byte[] key() {
        byte[] current = key;
        if (current == null) {
            throw new IllegalStateException("no current key; call advance() first");
        }
        return current;
    }

    /** Gives the references back; idempotent. */
    @Override
    public void close() {
        size = 0;
        key = null;
        releaseAll(intervals);
        intervals.clear();
    }

    private static void releaseAll(List<ChangeInterval> intervals) {
        for (ChangeInterval interval : intervals) {
            interval.suspend();
            interval.release();
        }
    }

    private void advanceFirst() {
        if (!heap[0].advance()) {
            heap[0] = heap[--size];
        }
        siftDown(0);
    }

    private void siftDown(int from) {
        int place = from;
        ChunkCursor moving = heap[place];
        for (int child; (child = 2 * place + 1) < size; place = child) {
            if (child + 1 < size && heap[child + 1].compareKey(heap[child]) < 0) {
                child++;
            }
            if (moving.compareKey(heap[child]) <= 0) {
                break;
            }
            heap[place] = heap[child];
        }
        heap[place] = moving;
    }

    private static void requireNotInterrupted() {
        if (Thread.currentThread().isInterrupted()) {
            throw new LazyStateException(
                    Kind.CLOSED,
                    Where.NOWHERE,
                    "Sorting the change log was interrupted; the checkpoint or task is ending",
                    null);
        }
    }
}
