package io.lazystate.examples.demo;

/**
 * A hash table from long to long with open addressing: 16 bytes a slot, since the results of a full
 * run are millions. Threads: any, it locks itself.
 */
final class LongTable {
    private static final long FREE = 0;
    private static final int FIRST_SLOTS = 1 << 10;

    private long[] keys = new long[FIRST_SLOTS];
    private long[] values = new long[FIRST_SLOTS];
    private int size;

    /** Takes a value and forgets the key's earlier one. Keys must be well mixed. */
    synchronized void put(long key, long value) {
        if (size * 10L > keys.length * 6L) {
            grow();
        }
        int slot = slot(key);
        if (keys[slot] == FREE) {
            keys[slot] = stored(key);
            size++;
        }
        values[slot] = value;
    }

    /** Whether the key has just this value. */
    synchronized boolean holds(long key, long value) {
        int slot = slot(key);
        return keys[slot] != FREE && values[slot] == value;
    }

    synchronized boolean holds(long key) {
        return keys[slot(key)] != FREE;
    }

    synchronized int size() {
        return size;
    }

    /** Keys of this table that the other lacks, and keys for which it has another value. */
    synchronized Difference against(LongTable other) {
        long missing = 0;
        long unequal = 0;
        for (int slot = 0; slot < keys.length; slot++) {
            if (keys[slot] != FREE && !other.holds(keys[slot], values[slot])) {
                if (other.holds(keys[slot])) {
                    unequal++;
                } else {
                    missing++;
                }
            }
        }
        return new Difference(missing, unequal);
    }

    /** See {@link #against}. */
    record Difference(long missing, long unequal) {}

    private int slot(long key) {
        long wanted = stored(key);
        int slot = (int) wanted & (keys.length - 1);
        while (keys[slot] != FREE && keys[slot] != wanted) {
            slot = (slot + 1) & (keys.length - 1);
        }
        return slot;
    }

    private static long stored(long key) {
        return key == FREE ? 1 : key;
    }

    private void grow() {
        long[] oldKeys = keys;
        long[] oldValues = values;
        keys = new long[oldKeys.length * 2];
        values = new long[keys.length];
        for (int old = 0; old < oldKeys.length; old++) {
            if (oldKeys[old] != FREE) {
                int slot = slot(oldKeys[old]);
                keys[slot] = oldKeys[old];
                values[slot] = oldValues[old];
            }
        }
    }
}
