package io.lazystate.run;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Makes blocks that RocksDB would not write. */
final class StoredBlocks {

    private StoredBlocks() {}

    /** Gives a stored block the checksum of its present bytes. */
    static void sign(byte[] stored) {
        int crc = Crc32c.of(stored, 0, stored.length - 4);
        int masked = ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
        ByteBuffer.wrap(stored).order(ByteOrder.LITTLE_ENDIAN).putInt(stored.length - 4, masked);
    }
}
