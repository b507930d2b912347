package io.lazystate.manifest;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.ByteReader;
import io.lazystate.run.ByteWriter;
import io.lazystate.run.Crc32c;
import io.lazystate.store.StoredObject;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Function;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * Manifests as bytes, of any version.
 *
 * <p>Here is what all versions share: magic, version, and a checksum at the end; the bodies are in
 * one class each. The bytes are spelled out in {@code package-info}. Threads: any.
 */
@Internal
public final class ManifestCodec {

    /** Page tables that a manifest inlines by default, in bytes. */
    public static final long DEFAULT_INLINE_BUDGET_BYTES = 1024 * 1024;

    /** That of version 4; from here on, blocks of runs and of hot rows have other checksums. */
    private static final int NEWEST_VERSION = 5;

    private static final byte[] MAGIC = {'L', 'Z', 'S', 'T'};
    private static final int HEADER_BYTES = MAGIC.length + 2;
    private static final int CRC_BYTES = 4;

    private ManifestCodec() {}

    /**
     * Writes a manifest in the newest version.
     *
     * @param inlineBudgetBytes page tables that are here are inlined, the smallest first, while
     *     their sum fits
     */
    public static byte[] encode(Manifest manifest, long inlineBudgetBytes) {
        return encode(manifest, inlineBudgetBytes, Set.of());
    }

    /**
     * Writes a manifest in the newest version.
     *
     * @param inlineBudgetBytes page tables that are here are inlined while their sum fits
     * @param readFirst names of states whose page tables come before all others
     */
    public static byte[] encode(Manifest manifest, long inlineBudgetBytes, Set<String> readFirst) {
        ByteWriter out = new ByteWriter();
        out.raw(MAGIC);
        out.u16(NEWEST_VERSION);
        ManifestV4.write(manifest, inlineBudgetBytes, readFirst, out);
        out.u32(Crc32c.of(out.toBytes()));
        return out.toBytes();
    }

    /**
     * Reads a manifest of any known version.
     *
     * @param objects finds an object of the state handle by its name; null if the handle has none
     * @param where the manifest's own object, named by errors
     * @throws LazyStateException CORRUPT (damaged, cut short, or an object is missing from the
     *     handle), INCOMPATIBLE (written by a newer release)
     */
    public static Manifest decode(
            byte[] bytes, Function<String, @Nullable StoredObject> objects, Where where) {
        int end = bytes.length - CRC_BYTES;
        ByteReader in = new ByteReader(bytes, 0, Math.max(end, 0), "manifest", where);
        if (end < HEADER_BYTES || !isManifest(bytes)) {
            throw in.corrupt("it does not start with LZST");
        }
        ByteReader crc = new ByteReader(bytes, end, bytes.length, "manifest", where);
        if (Crc32c.of(bytes, 0, end) != crc.u32()) {
            throw in.corrupt("it failed its checksum");
        }
        in.raw(MAGIC.length);
        int version = in.u16();
        return switch (version) {
            case ManifestV1.VERSION -> ManifestV1.read(in, objects);
            case ManifestV2.VERSION -> ManifestV2.read(in, objects);
            case ManifestV3.VERSION -> ManifestV3.read(in, objects);
            case ManifestV4.VERSION, NEWEST_VERSION -> ManifestV4.read(in, objects);
            default ->
                    throw new LazyStateException(
                            Kind.INCOMPATIBLE,
                            where,
                            "the manifest has version "
                                    + version
                                    + ", and this release reads versions up to "
                                    + NEWEST_VERSION
                                    + "; restore with the release that wrote it, or a newer one",
                            null);
        };
    }

    /** Whether bytes that begin so are a manifest; 4 are enough to tell. */
    static boolean isManifest(byte[] firstBytes) {
        return firstBytes.length >= MAGIC.length
                && Arrays.equals(firstBytes, 0, MAGIC.length, MAGIC, 0, MAGIC.length);
    }
}
