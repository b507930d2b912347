package io.lazystate.paging;

import java.util.Arrays;

/**
 * Sorts the entries of a {@link KeyArena} by their keys, in unsigned byte order.
 *
 * <p>A radix sort from the left, three bytes a pass, over one {@code long} a key (digit in the high
 * half, position in the low half): no object a key, and the common prefix of Flink's keys (key
 * group, high bytes of numbers) is passed over once. Cost: about 3 times the entries' bytes, which
 * are kept for the next call. Not thread-safe.
 */
final class KeySorter {

    /** Below this many keys, comparing is cheaper than another pass. */
    private static final int FEW_KEYS = 16;

    private static final int DIGIT_BYTES = 3;

    private byte[] raw = new byte[0];
    private byte[] sorted = new byte[0];
    private long[] order = new long[0];

    /** A buffer to read unsorted entries into, with room for at least {@code length} bytes. */
    byte[] rawBuffer(int length) {
        if (raw.length < length) {
            raw = new byte[length];
        }
        return raw;
    }

    /**
     * Sorts.
     *
     * @param entries holds {@code keys} entries in its first {@code length} bytes; stays as it is
     * @return the same entries in order in its first {@code length} bytes; valid until the next
     *     call
     */
    byte[] sort(byte[] entries, int length, int keys) {
        if (order.length < keys) {
            order = new long[keys];
        }
        int position = 0;
        for (int i = 0; i < keys; i++) {
            order[i] = position;
            position = end(entries, position);
        }
        sort(entries, 0, keys, 0);

        if (sorted.length < length) {
            sorted = new byte[length];
        }
        int written = 0;
        for (int i = 0; i < keys; i++) {
            int start = (int) order[i];
            int entryBytes = end(entries, start) - start;
            System.arraycopy(entries, start, sorted, written, entryBytes);
            written += entryBytes;
        }
        return sorted;
    }

    /** Sorts keys that agree in their first {@code depth} bytes. */
    private void sort(byte[] entries, int from, int to, int depth) {
        if (to - from < FEW_KEYS) {
            insertionSort(entries, from, to, depth);
            return;
        }
        // Without the skip, a long common prefix would cost a level of recursion for three bytes.
        int start = depth + commonBytes(entries, from, to, depth);
        for (int i = from; i < to; i++) {
            int position = (int) order[i];
            order[i] = (long) digit(entries, position, start) << 32 | position;
        }
        Arrays.sort(order, from, to);
        for (int first = from, next; first < to; first = next) {
            int digit = (int) (order[first] >>> 32);
            next = first + 1;
            while (next < to && (int) (order[next] >>> 32) == digit) {
                next++;
            }
            if (next - first > 1 && (digit & 7) > DIGIT_BYTES) {
                sort(entries, first, next, start + DIGIT_BYTES);
            }
        }
    }

    /**
     * The next three bytes of a key, zeros if it ends, and then how many there are, 4 for more: a
     * key precedes its continuations, also those with zeros.
     */
    private static int digit(byte[] entries, int position, int depth) {
        int rest = (int) KeyArena.LENGTH.get(entries, position) - depth;
        int start = position + KeyArena.HEADER_BYTES + depth;
        int digit = rest > 0 ? (entries[start] & 0xff) << 16 : 0;
        digit |= rest > 1 ? (entries[start + 1] & 0xff) << 8 : 0;
        digit |= rest > 2 ? entries[start + 2] & 0xff : 0;
        return digit << 3 | Math.min(rest, DIGIT_BYTES + 1);
    }

    private int commonBytes(byte[] entries, int from, int to, int depth) {
        int first = (int) order[from];
        int firstStart = first + KeyArena.HEADER_BYTES + depth;
        int common = end(entries, first) - firstStart;
        for (int i = from + 1; i < to && common > 0; i++) {
            int other = (int) order[i];
            int otherStart = other + KeyArena.HEADER_BYTES + depth;
            int shorter = Math.min(common, end(entries, other) - otherStart);
            int differs =
                    Arrays.mismatch(
                            entries,
                            firstStart,
                            firstStart + shorter,
                            entries,
                            otherStart,
                            otherStart + shorter);
            common = differs < 0 ? shorter : differs;
        }
        return common;
    }

    private void insertionSort(byte[] entries, int from, int to, int depth) {
        for (int i = from + 1; i < to; i++) {
            long moving = order[i];
            int hole = i;
            while (hole > from
                    && compare(entries, (int) moving, (int) order[hole - 1], depth) < 0) {
                order[hole] = order[hole - 1];
                hole--;
            }
            order[hole] = moving;
        }
    }

    private static int compare(byte[] entries, int left, int right, int depth) {
        int start = KeyArena.HEADER_BYTES + depth;
        return Arrays.compareUnsigned(
                entries,
                left + start,
                end(entries, left),
                entries,
                right + start,
                end(entries, right));
    }

    private static int end(byte[] entries, int position) {
        return position + KeyArena.HEADER_BYTES + (int) KeyArena.LENGTH.get(entries, position);
    }
}
