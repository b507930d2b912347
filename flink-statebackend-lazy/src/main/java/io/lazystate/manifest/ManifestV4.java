package io.lazystate.manifest;

import io.lazystate.run.ByteReader;
import io.lazystate.run.ByteWriter;
import io.lazystate.run.RowBlock;
import io.lazystate.store.StoredObject;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The body of a manifest, version 4: that of version 1, and the heat of each extent and the hot
 * rows themselves behind it; the bytes are spelled out in {@code package-info}.
 */
final class ManifestV4 {

    static final int VERSION = 4;

    private ManifestV4() {}

    static void write(
            Manifest manifest, long inlineBudgetBytes, Set<String> readFirst, ByteWriter out) {
        ManifestV1.write(manifest, RunTable.of(manifest, inlineBudgetBytes, readFirst), out);
        ManifestV3.writeHeat(manifest, out);
        for (String state : manifest.states().keySet()) {
            RowBlock hot = manifest.hot().get(state);
            byte[] stored = hot == null ? new byte[0] : hot.toBytes();
            out.varint(stored.length);
            out.raw(stored);
        }
    }

    static Manifest read(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        Manifest manifest = ManifestV1.readBody(in, lookup).manifest();
        Map<Extent, Integer> heat = ManifestV3.readHeat(manifest.states(), in);
        Map<String, RowBlock> hot = new HashMap<>();
        for (String state : manifest.states().keySet()) {
            byte[] stored = in.raw(in.count(1));
            if (stored.length > 0) {
                hot.put(state, RowBlock.fromBytes(stored, in.where()));
            }
        }
        in.end();
        return manifest.with(manifest.states(), hot, heat);
    }
}
