package io.lazystate.run;

import java.util.zip.CRC32C;
import org.apache.flink.annotation.Internal;

/** CRC32C of byte arrays, as {@link CRC32C} computes it. */
@Internal
public final class Crc32c {

    private Crc32c() {}

    public static int of(byte[] bytes) {
        return of(bytes, 0, bytes.length);
    }

    public static int of(byte[] bytes, int offset, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, offset, length);
        return (int) crc.getValue();
    }
}
