package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ByteReaderTest {

    private static final Where WHERE = Where.object("o");

    @ParameterizedTest
    @ValueSource(
            longs = {0, 1, 127, 128, 16_383, 16_384, Integer.MAX_VALUE, 1L << 35, Long.MAX_VALUE})
    void varintsComeBack(long value) {
        ByteWriter out = new ByteWriter();
        out.varint(value);
        assertThat(out.size()).isEqualTo(Math.max(1, (70 - Long.numberOfLeadingZeros(value)) / 7));

        assertThat(reader(out.toBytes()).varlong()).isEqualTo(value);
        if (value <= Integer.MAX_VALUE) {
            assertThat(reader(out.toBytes()).varint()).isEqualTo((int) value);
        } else {
            assertCorrupt(out.toBytes(), ByteReader::varint);
        }
    }

    @Test
    void othersComeBack() {
        ByteWriter out = new ByteWriter();
        out.u8(0xfe);
        out.u16(0xfedc);
        out.u32(0xfedcba98);
        out.string("naïve \uD83D\uDE00");
        out.raw(new byte[1000]);
        out.key(new byte[] {1, 2, 3}, new byte[] {1, 2, 4, 5});
        out.key(new byte[] {1, 2}, new byte[] {1, 2});
        out.key(new byte[0], new byte[0]);

        ByteReader in = reader(out.toBytes());
        assertThat(in.u8()).isEqualTo(0xfe);
        assertThat(in.u16()).isEqualTo(0xfedc);
        assertThat(in.u32()).isEqualTo(0xfedcba98);
        assertThat(in.string()).isEqualTo("naïve \uD83D\uDE00");
        assertThat(in.raw(1000)).isEqualTo(new byte[1000]);
        assertThat(in.key(new byte[] {1, 2, 3})).containsExactly(1, 2, 4, 5);
        assertThat(in.key(new byte[] {1, 2})).containsExactly(1, 2);
        assertThat(in.key(new byte[0])).isEmpty();
        assertThat(in.remaining()).isZero();
        in.end();
    }

    @Test
    void fixedWidthsAreLittleEndian() {
        ByteWriter out = new ByteWriter();
        out.u32(0x04030201);

        assertThat(out.toBytes()).containsExactly(1, 2, 3, 4);
    }

    @Test
    void negativeVarintsAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ByteWriter().varint(-1));
    }

    @Test
    void impossibleNumbersAreCorrupt() {
        byte[] endless = new byte[20];
        Arrays.fill(endless, (byte) 0xff);
        assertCorrupt(endless, ByteReader::varlong);
        assertCorrupt(new byte[] {(byte) 0x80}, ByteReader::varlong);
        assertCorrupt(new byte[0], ByteReader::u8);
        assertCorrupt(new byte[3], ByteReader::u32);
        assertCorrupt(new byte[] {3, 0, 0}, in -> in.count(1));
        assertCorrupt(new byte[] {3, 'a', 'b'}, ByteReader::string);
        assertCorrupt(new byte[] {4, 0}, in -> in.key(new byte[3]));
        assertCorrupt(new byte[] {3, 1}, in -> in.key(new byte[3]));
        assertCorrupt(new byte[4], in -> in.raw(5));
        assertCorrupt(new byte[4], ByteReader::end);
    }

    private static ByteReader reader(byte[] bytes) {
        return new ByteReader(bytes, 0, bytes.length, "test", WHERE);
    }

    private static void assertCorrupt(byte[] bytes, Consumer<ByteReader> read) {
        LazyStateException e =
                catchThrowableOfType(LazyStateException.class, () -> read.accept(reader(bytes)));
        assertThat(e).isNotNull();
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where()).isEqualTo(WHERE);
    }
}
