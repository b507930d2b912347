package io.lazystate.paging;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A set of byte strings in two arrays: the keys one after the other, and a hash table of their
 * positions.
 *
 * <p>Shape: an entry is a key's length (4 bytes, little-endian) and its bytes; entries are in the
 * order of their arrival. A slot of the table is 0 (free) or a position plus 1 in the low bits and
 * bits of the key's hash in the others, so that a foreign key is mostly passed over without a look
 * at its bytes. Equality is decided by the bytes alone: a false "already there" would lose a
 * change.
 *
 * <p>Both arrays start small and double up to their bounds: {@code capacityBytes} for entries, a
 * quarter of that for the table, which is full at 3/4. Nothing is allocated between doublings. Not
 * thread-safe.
 */
final class KeyArena {

    /** Bytes before each key. */
    static final int HEADER_BYTES = 4;

    /** The length in front of each key. */
    static final VarHandle LENGTH =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private static final VarHandle WORD =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int FIRST_BYTES = 1 << 14;
    private static final int FIRST_SLOTS = 1 << 10;
    private static final int FEWEST_SLOTS = 1 << 4;

    private final int capacityBytes;
    private final int mostSlots;
    private final int positionMask;

    private byte[] bytes;
    private int used;
    private int keys;
    private int[] slots;

    /**
     * @param capacityBytes bound of the entries, headers included; 16 to 2^30
     */
    KeyArena(int capacityBytes) {
        this.capacityBytes = capacityBytes;
        // One slot for 16 bytes: with keys of 18 bytes and more, the entries are full first.
        this.mostSlots = Math.max(FEWEST_SLOTS, Integer.highestOneBit(capacityBytes / 16));
        this.positionMask = 2 * Integer.highestOneBit(capacityBytes) - 1;
        this.bytes = new byte[Math.min(capacityBytes, FIRST_BYTES)];
        this.slots = new int[Math.min(mostSlots, FIRST_SLOTS)];
    }

    /**
     * Adds a key, unless it is already there.
     *
     * @return whether the key is in the set now; false: it does not fit, and nothing has changed
     */
    boolean add(byte[] buffer, int offset, int length) {
        long hash = hash(buffer, offset, length);
        int tag = tag(hash);
        int[] table = slots;
        int last = table.length - 1;
        for (int slot = (int) hash & last; ; slot = (slot + 1) & last) {
            int entry = table[slot];
            if (entry == 0) {
                return append(buffer, offset, length, slot, tag);
            }
            if ((entry & ~positionMask) == tag
                    && isAt((entry & positionMask) - 1, buffer, offset, length)) {
                return true;
            }
        }
    }

    /** How many keys there are. */
    int keys() {
        return keys;
    }

    /** Bytes that the entries take in {@link #bytes()}, from its start. */
    int usedBytes() {
        return used;
    }

    /** The entries; the array is replaced when it grows. */
    byte[] bytes() {
        return bytes;
    }

    /** Forgets all keys and keeps the memory. */
    void clear() {
        used = 0;
        keys = 0;
        Arrays.fill(slots, 0);
    }

    private boolean append(byte[] buffer, int offset, int length, int slot, int tag) {
        if (length > capacityBytes - HEADER_BYTES - used) {
            return false;
        }
        if (keys >= slots.length / 4 * 3) {
            // The slot is void in a larger table, so start over.
            return growTable() && add(buffer, offset, length);
        }
        int end = used + HEADER_BYTES + length;
        if (end > bytes.length) {
            int doubled = (int) Math.min(capacityBytes, 2L * bytes.length);
            bytes = Arrays.copyOf(bytes, Math.max(end, doubled));
        }
        LENGTH.set(bytes, used, length);
        System.arraycopy(buffer, offset, bytes, used + HEADER_BYTES, length);
        slots[slot] = tag | (used + 1);
        used = end;
        keys++;
        return true;
    }

    private boolean growTable() {
        if (slots.length >= mostSlots) {
            return false;
        }
        int[] larger = new int[slots.length * 2];
        int last = larger.length - 1;
        int length;
        for (int position = 0; position < used; position += HEADER_BYTES + length) {
            length = (int) LENGTH.get(bytes, position);
            long hash = hash(bytes, position + HEADER_BYTES, length);
            int slot = (int) hash & last;
            while (larger[slot] != 0) {
                slot = (slot + 1) & last;
            }
            larger[slot] = tag(hash) | (position + 1);
        }
        slots = larger;
        return true;
    }

    private boolean isAt(int position, byte[] buffer, int offset, int length) {
        int start = position + HEADER_BYTES;
        return (int) LENGTH.get(bytes, position) == length
                && Arrays.equals(bytes, start, start + length, buffer, offset, offset + length);
    }

    /** The hash bits that a slot has room for; they are not those that choose the slot. */
    private int tag(long hash) {
        return (int) (hash >>> 32) & ~positionMask;
    }

    /** Eight bytes a step; the constants and the final mix are those of MurmurHash3. */
    private static long hash(byte[] buffer, int offset, int length) {
        long hash = length;
        int end = offset + length;
        if (length >= Long.BYTES) {
            int lastWord = end - Long.BYTES;
            for (int at = offset; at < lastWord; at += Long.BYTES) {
                hash = step(hash, (long) WORD.get(buffer, at));
            }
            // Overlaps the word before it, which does no harm.
            hash = step(hash, (long) WORD.get(buffer, lastWord));
        } else {
            long word = 0;
            for (int at = offset; at < end; at++) {
                word = word << 8 | (buffer[at] & 0xff);
            }
            hash = step(hash, word);
        }
        hash = (hash ^ (hash >>> 33)) * 0xff51afd7ed558ccdL;
        hash = (hash ^ (hash >>> 33)) * 0xc4ceb9fe1a85ec53L;
        return hash ^ (hash >>> 33);
    }

    private static long step(long hash, long word) {
        return Long.rotateLeft(hash ^ word, 27) * 0x87c37b91114253d5L;
    }
}
