package io.lazystate.manifest;

import io.lazystate.run.ByteReader;
import io.lazystate.run.ByteWriter;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The body of a manifest, version 2: that of version 1, and the run of hot rows behind it; the
 * bytes are spelled out in {@code package-info}.
 */
final class ManifestV2 {

    static final int VERSION = 2;

    private ManifestV2() {}

    static void write(
            Manifest manifest, long inlineBudgetBytes, Set<String> readFirst, ByteWriter out) {
        RunTable runs = RunTable.of(manifest, inlineBudgetBytes, readFirst);
        ManifestV1.write(manifest, runs, out);
        Run hot = manifest.hot();
        out.varint(hot == null ? 0 : runs.indexOf(hot) + 1);
    }

    static Manifest read(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        Manifest manifest = readBody(in, lookup);
        in.end();
        return manifest;
    }

    static Manifest readBody(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        ManifestV1.Body body = ManifestV1.readBody(in, lookup);
        int hot = in.varint();
        Run run = hot == 0 ? null : ManifestV1.element(in, body.runs(), hot - 1);
        Manifest manifest = body.manifest();
        return new Manifest(
                manifest.stateMetadata(),
                manifest.firstKeyGroup(),
                manifest.lastKeyGroup(),
                manifest.keyGroupPrefixBytes(),
                manifest.states(),
                run,
                Map.of());
    }
}
