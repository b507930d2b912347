package io.lazystate.examples.flights;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Bytes that stand for what a real job would keep per flight: a function of flight and copy that
 * does not compress.
 */
final class Payload {
    private static final VarHandle LONGS =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long STEP = 0x9e3779b97f4a7c15L;

    private Payload() {}

    /** The payload of one copy of a flight. */
    static byte[] of(long flight, int copy, int bytes) {
        byte[] payload = new byte[bytes];
        long seed = mix(flight * STEP + copy);
        int at = 0;
        for (; at + Long.BYTES <= bytes; at += Long.BYTES) {
            seed += STEP;
            LONGS.set(payload, at, mix(seed));
        }
        for (long tail = mix(seed + STEP); at < bytes; at++, tail >>>= Byte.SIZE) {
            payload[at] = (byte) tail;
        }
        return payload;
    }

    /** A 64-bit digest that changes with every byte of the payload. */
    static long digest(byte[] payload) {
        long digest = payload.length;
        int at = 0;
        for (; at + Long.BYTES <= payload.length; at += Long.BYTES) {
            digest = mix(digest * STEP + (long) LONGS.get(payload, at));
        }
        for (; at < payload.length; at++) {
            digest = mix(digest * STEP + payload[at]);
        }
        return digest;
    }

    /** Spreads the bits of a number (the finalizer of SplitMix64). */
    static long mix(long bits) {
        long z = (bits ^ (bits >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
