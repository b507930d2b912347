package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;
import net.jpountz.xxhash.XXHash64;
import net.jpountz.xxhash.XXHashFactory;

/**
 * One block of a RocksDB table as it lies in the file, its checksum verified.
 *
 * <p>Shape: content, one byte that tells its compression, and a checksum of both; see {@code
 * package-info}. Immutable, any thread; the array is not copied.
 */
final class StoredBlock {

    static final int TRAILER_BYTES = 5;

    private static final int NOT_COMPRESSED = 0;
    private static final int LZ4 = 4;
    private static final int LZ4_HC = 5;

    /** LZ4 gives no more bytes than this for each of its own: what to allocate is bounded. */
    private static final long LZ4_MAX_RATIO = 255;

    private static final VarHandle INT_LE =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    // Pure Java: the jar is relocated and carries no native library.
    private static final XXHash64 XX_HASH_64 = XXHashFactory.fastestJavaInstance().hash64();
    private static final LZ4SafeDecompressor DECOMPRESSOR =
            LZ4Factory.fastestJavaInstance().safeDecompressor();
    private static final LZ4Compressor COMPRESSOR =
            LZ4Factory.fastestJavaInstance().fastCompressor();

    private final byte[] bytes;
    private final int start;
    private final int end;
    private final boolean compressed;
    private final int rawBytes;
    private final Where where;

    private StoredBlock(
            byte[] bytes, int start, int end, boolean compressed, int rawBytes, Where where) {
        this.bytes = bytes;
        this.start = start;
        this.end = end;
        this.compressed = compressed;
        this.rawBytes = rawBytes;
        this.where = where;
    }

    /** Bytes as a stored block, compressed if that makes them smaller. */
    static byte[] store(byte[] raw) {
        ByteWriter out = new ByteWriter();
        out.varint(raw.length);
        out.raw(COMPRESSOR.compress(raw));
        boolean compressed = out.size() < raw.length;
        byte[] content = compressed ? out.toBytes() : raw;
        byte[] stored = Arrays.copyOf(content, content.length + TRAILER_BYTES);
        stored[content.length] = (byte) (compressed ? LZ4 : NOT_COMPRESSED);
        INT_LE.set(stored, content.length + 1, xxHash(stored, 0, content.length + 1));
        return stored;
    }

    /**
     * The block in {@code [offset, offset + length)}, trailer included.
     *
     * @throws LazyStateException CORRUPT; INCOMPATIBLE if the compression is not known
     */
    static StoredBlock verify(byte[] bytes, int offset, int length, Where where) {
        if (length < TRAILER_BYTES || offset < 0 || length > bytes.length - offset) {
            throw Corruption.of(where, "a block does not fit its page");
        }
        int end = offset + length - TRAILER_BYTES;
        int checksum = intAt(bytes, end + 1);
        if (xxHash(bytes, offset, end + 1 - offset) != checksum
                && maskedCrc(bytes, offset, end + 1 - offset) != checksum) {
            throw Corruption.of(where, "a block failed its checksum");
        }
        int type = bytes[end];
        if (type == NOT_COMPRESSED) {
            return new StoredBlock(bytes, offset, end, false, end - offset, where);
        }
        if (type != LZ4 && type != LZ4_HC) {
            throw new LazyStateException(
                    Kind.INCOMPATIBLE,
                    where,
                    "a block has compression " + type + ", and only LZ4 can be read",
                    null);
        }
        ByteReader size = new ByteReader(bytes, offset, end, "block", where);
        int rawBytes = size.varint();
        if (rawBytes > LZ4_MAX_RATIO * size.remaining()) {
            throw size.corrupt("no LZ4 block of this length holds " + rawBytes + " bytes");
        }
        return new StoredBlock(bytes, end - size.remaining(), end, true, rawBytes, where);
    }

    /** Bytes of the content when it is not compressed. */
    int rawBytes() {
        return rawBytes;
    }

    /** Writes exactly {@link #rawBytes} bytes. */
    void decompressTo(byte[] target, int offset) {
        if (!compressed) {
            System.arraycopy(bytes, start, target, offset, rawBytes);
            return;
        }
        int written;
        try {
            written = DECOMPRESSOR.decompress(bytes, start, end - start, target, offset, rawBytes);
        } catch (LZ4Exception e) {
            throw Corruption.of(where, "a block cannot be decompressed: " + e.getMessage());
        }
        if (written != rawBytes) {
            throw Corruption.of(where, "a block has " + written + " bytes, not " + rawBytes);
        }
    }

    byte[] decompress() {
        byte[] raw = new byte[rawBytes];
        decompressTo(raw, 0);
        return raw;
    }

    static int intAt(byte[] bytes, int offset) {
        return (int) INT_LE.get(bytes, offset);
    }

    private static int xxHash(byte[] bytes, int offset, int length) {
        return (int) XX_HASH_64.hash(bytes, offset, length, 0);
    }

    /** RocksDB masks a CRC that it stores beside the data it covers. */
    private static int maskedCrc(byte[] bytes, int offset, int length) {
        return Integer.rotateRight(Crc32c.of(bytes, offset, length), 15) + 0xa282ead8;
    }
}
