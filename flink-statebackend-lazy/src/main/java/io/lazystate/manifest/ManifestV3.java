package io.lazystate.manifest;

import io.lazystate.run.ByteReader;
import io.lazystate.run.ByteWriter;
import io.lazystate.store.StoredObject;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The body of a manifest, version 3: that of version 2, and the heat of each extent behind it; the
 * bytes are spelled out in {@code package-info}.
 */
final class ManifestV3 {

    static final int VERSION = 3;

    private ManifestV3() {}

    static Manifest read(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        Manifest manifest = ManifestV2.readBody(in, lookup);
        Map<Extent, Integer> heat = readHeat(manifest.states(), in);
        in.end();
        return manifest.with(manifest.states(), manifest.hot(), heat);
    }

    static void writeHeat(Manifest manifest, ByteWriter out) {
        for (StateLayout layout : manifest.states().values()) {
            for (Extent extent : layout.extents()) {
                out.u8(manifest.heat().getOrDefault(extent, 0));
            }
        }
    }

    static Map<Extent, Integer> readHeat(Map<String, StateLayout> states, ByteReader in) {
        Map<Extent, Integer> heat = new HashMap<>();
        for (StateLayout layout : states.values()) {
            for (Extent extent : layout.extents()) {
                int code = in.u8();
                if (code > 0) {
                    heat.put(extent, code);
                }
            }
        }
        return heat;
    }
}
