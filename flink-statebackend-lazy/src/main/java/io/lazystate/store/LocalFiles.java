package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The local files that downloads end in; what goes wrong with them is not the store's fault. */
final class LocalFiles {

    private LocalFiles() {}

    static OutputStream create(Path target, Where where) {
        try {
            return Files.newOutputStream(target);
        } catch (IOException e) {
            throw failure(target, where, e);
        }
    }

    static LazyStateException failure(Path target, Where where, IOException e) {
        if (ReadFailures.isInterrupt(e)) {
            return ReadFailures.toException(e, where);
        }
        return new LazyStateException(
                Kind.UNAVAILABLE,
                where,
                "cannot write the local file " + target + ": " + e + "; check the local disk",
                e);
    }

    static void deleteQuietly(Path target) {
        try {
            Files.deleteIfExists(target);
        } catch (IOException e) {
            // The error under way says more than a file that stays behind in a scratch directory.
        }
    }
}
