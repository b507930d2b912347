package io.lazystate.manifest;

import io.lazystate.run.ByteReader;
import io.lazystate.store.StoredObject;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The body of a manifest, version 2: that of version 1, and the run of hot rows behind it, which is
 * not read any more: other runs hold its rows too. The bytes are spelled out in {@code
 * package-info}.
 */
final class ManifestV2 {

    static final int VERSION = 2;

    private ManifestV2() {}

    static Manifest read(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        Manifest manifest = readBody(in, lookup);
        in.end();
        return manifest;
    }

    static Manifest readBody(ByteReader in, Function<String, @Nullable StoredObject> lookup) {
        ManifestV1.Body body = ManifestV1.readBody(in, lookup);
        int hot = in.varint();
        if (hot > 0) {
            ManifestV1.element(in, body.runs(), hot - 1);
        }
        return body.manifest();
    }
}
