package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Arrays;
import net.jpountz.xxhash.XXHash64;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.flink.annotation.Internal;

/**
 * A bloom filter of the keys of one run, of PUT and REMOVE rows alike.
 *
 * <p>No false negatives; about 10 bits a key and 1 % false positives. All probes of a key fall into
 * one block of 64 bytes, so a lookup costs one hash and at most two cache lines. Immutable, any
 * thread. The bytes are spelled out in {@code run/package-info}.
 */
@Internal
public final class KeyFilter {

    private static final XXHash64 HASH = XXHashFactory.fastestJavaInstance().hash64();
    private static final int BITS_PER_KEY = 10;
    private static final int PROBES = 6;
    private static final int BLOCK_BYTES = 64;
    private static final int HEADER_BYTES = 2;

    /** First byte of the encoded form: blocked, XXHash64. */
    private static final int KIND = 1;

    /** In the encoded form: header, then blocks. */
    private final byte[] bytes;

    private final int probes;
    private final int blocks;

    private KeyFilter(byte[] bytes) {
        this.bytes = bytes;
        this.probes = bytes[1];
        this.blocks = (bytes.length - HEADER_BYTES) / BLOCK_BYTES;
    }

    /** False if the run surely has no row of this key. */
    public boolean mightContain(byte[] key) {
        long hash = hash(key);
        int block = blockStart(hash, blocks);
        int probe = (int) hash;
        for (int i = 0; i < probes; i++) {
            int bit = probe >>> 23;
            if ((bytes[block + (bit >>> 3)] & 1 << (bit & 7)) == 0) {
                return false;
            }
            probe *= 0x9e3779b9;
        }
        return true;
    }

    /** This filter as bytes, which must not be changed. */
    public byte[] toBytes() {
        return bytes;
    }

    /** Heap weight, for caches. */
    public int sizeBytes() {
        return bytes.length + 64;
    }

    /**
     * The filter that {@link #toBytes} wrote.
     *
     * @param bytes kept, and must not change
     * @throws LazyStateException CORRUPT if the bytes are malformed
     */
    public static KeyFilter fromBytes(byte[] bytes) {
        return fromBytes(bytes, Where.NOWHERE);
    }

    /**
     * The filter that {@link #toBytes} wrote.
     *
     * @param bytes kept, and must not change
     * @param where they lie, named by errors
     * @throws LazyStateException CORRUPT if the bytes are malformed
     */
    public static KeyFilter fromBytes(byte[] bytes, Where where) {
        boolean sound =
                bytes.length > HEADER_BYTES
                        && (bytes.length - HEADER_BYTES) % BLOCK_BYTES == 0
                        && bytes[0] == KIND
                        && bytes[1] > 0;
        if (!sound) {
            throw Corruption.of(where, "the key filter is malformed");
        }
        return new KeyFilter(bytes);
    }

    public static Builder builder() {
        return new Builder();
    }

    private static long hash(byte[] key) {
        return HASH.hash(key, 0, key.length, 0);
    }

    /** Scales the upper half of the hash to a block. */
    private static int blockStart(long hash, int blocks) {
        return HEADER_BYTES + (int) (((hash >>> 32) * blocks) >>> 32) * BLOCK_BYTES;
    }

    /** Collects the hashes of keys, 8 bytes each, and sizes the filter at the end. One thread. */
    public static final class Builder {

        private static final int MAX_BLOCKS = (Integer.MAX_VALUE - 64) / BLOCK_BYTES;

        private long[] hashes = new long[1024];
        private int keys;

        private Builder() {}

        public void add(byte[] key) {
            if (keys == hashes.length) {
                hashes = Arrays.copyOf(hashes, Math.multiplyExact(2, keys));
            }
            hashes[keys++] = hash(key);
        }

        public KeyFilter build() {
            long blocks = Math.max(1, ((long) keys * BITS_PER_KEY + 511) / 512);
            if (blocks > MAX_BLOCKS) {
                throw new LazyStateException(
                        Kind.INTERNAL, Where.NOWHERE, keys + " keys are too many a run", null);
            }
            byte[] bytes = new byte[HEADER_BYTES + (int) blocks * BLOCK_BYTES];
            bytes[0] = KIND;
            bytes[1] = PROBES;
            for (int i = 0; i < keys; i++) {
                set(bytes, hashes[i], (int) blocks);
            }
            return new KeyFilter(bytes);
        }

        private static void set(byte[] bytes, long hash, int blocks) {
            int block = blockStart(hash, blocks);
            int probe = (int) hash;
            for (int i = 0; i < PROBES; i++) {
                int bit = probe >>> 23;
                bytes[block + (bit >>> 3)] |= (byte) (1 << (bit & 7));
                probe *= 0x9e3779b9;
            }
        }
    }
}
