package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;

/** Words a CORRUPT error of this package: problem, then remedy. */
final class Corruption {

    private Corruption() {}

    static LazyStateException of(Where where, String problem) {
        return new LazyStateException(
                Kind.CORRUPT,
                where,
                problem + "; restore from a backup copy, or from an older checkpoint",
                null);
    }
}
