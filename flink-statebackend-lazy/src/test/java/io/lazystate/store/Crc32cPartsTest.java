package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Crc32cPartsTest {

    @ParameterizedTest
    @CsvSource({"0,0", "0,5", "5,0", "1,1", "9,3", "1000,65537", "100000,1"})
    void checksumOfTwoPartsIsThatOfTheWhole(int first, int second) {
        byte[] bytes = new byte[first + second];
        new Random(first).nextBytes(bytes);

        assertThat(Crc32cParts.combine(crc(bytes, 0, first), crc(bytes, first, second), second))
                .isEqualTo(crc(bytes, 0, bytes.length));
    }

    private static int crc(byte[] bytes, int offset, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, offset, length);
        return (int) crc.getValue();
    }
}
