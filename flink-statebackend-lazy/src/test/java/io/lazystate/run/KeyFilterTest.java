package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeyFilterTest {

    private static final int KEYS = 100_000;

    @ParameterizedTest
    @ValueSource(ints = {1, 10, 1000, KEYS})
    void hasNoFalseNegatives(int keys) {
        KeyFilter filter = filter(keys);
        for (int i = 0; i < keys; i++) {
            assertThat(filter.mightContain(key(i))).isTrue();
        }
    }

    @Test
    void hasFewFalsePositives() {
        KeyFilter filter = filter(KEYS);
        int positives = 0;
        for (int i = KEYS; i < 2 * KEYS; i++) {
            positives += filter.mightContain(key(i)) ? 1 : 0;
        }
        System.out.println("false positives: " + positives + " of " + KEYS);
        assertThat(positives).isLessThan(KEYS * 3 / 100);
    }

    @Test
    void takesTenBitsAKey() {
        assertThat(filter(KEYS).toBytes().length * 8.0 / KEYS).isBetween(10.0, 10.1);
        assertThat(filter(1).toBytes()).hasSize(66);
    }

    @Test
    void comesBackFromItsBytes() {
        KeyFilter filter = KeyFilter.fromBytes(filter(1000).toBytes());
        for (int i = 0; i < 1000; i++) {
            assertThat(filter.mightContain(key(i))).isTrue();
        }
    }

    /** The hash and the bits belong to the format: runs are read by later releases. */
    @Test
    void bytesDoNotChange() {
        assertThat(Crc32c.of(filter(1000).toBytes())).isEqualTo(-1046114762);
    }

    @Test
    void malformedBytesAreCorrupt() {
        byte[] bytes = filter(1000).toBytes();
        byte[] otherKind = bytes.clone();
        otherKind[0] = 2;
        byte[] noProbes = bytes.clone();
        noProbes[1] = 0;
        for (byte[] wrong :
                new byte[][] {
                    {},
                    {1, 6},
                    Arrays.copyOf(bytes, bytes.length - 1),
                    Arrays.copyOf(bytes, bytes.length + 1),
                    otherKind,
                    noProbes
                }) {
            LazyStateException e =
                    catchThrowableOfType(
                            LazyStateException.class, () -> KeyFilter.fromBytes(wrong));
            assertThat(e).isNotNull();
            assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        }
    }

    private static KeyFilter filter(int keys) {
        KeyFilter.Builder builder = KeyFilter.builder();
        for (int i = 0; i < keys; i++) {
            builder.add(key(i));
        }
        return builder.build();
    }

    private static byte[] key(int i) {
        return ByteBuffer.allocate(14).putShort((short) (i % 128)).putLong(i).array();
    }
}
