package io.lazystate.error;

import org.apache.flink.annotation.PublicEvolving;
import org.jspecify.annotations.Nullable;

/**
 * Every error of this project: what the caller should do ({@link #kind()}) and where it happened
 * ({@link #where()}).
 *
 * <p>Callers branch on the kind, never on the text. Overrides of Flink's methods map it to what
 * Flink expects there.
 */
@PublicEvolving
public final class LazyStateException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final Kind kind;
    private final Where where;
    private final String problem;

    /**
     * @param message the problem, its cause and the remedy, separated by semicolons; without the
     *     place, which is put before it
     * @param cause the error underneath, if any
     */
    public LazyStateException(Kind kind, Where where, String message, @Nullable Throwable cause) {
        super(text(kind, where, message), cause);
        this.kind = kind;
        this.where = where;
        this.problem = message;
    }

    /** The same error, its place narrowed to a state by whoever knows it. */
    public LazyStateException inState(String state) {
        return new LazyStateException(kind, where.withState(state), problem, this);
    }

    /** What the caller should do. */
    public Kind kind() {
        return kind;
    }

    /** The place the error happened at, as far as it is known. */
    public Where where() {
        return where;
    }

    private static String text(Kind kind, Where where, String message) {
        String place = where.toString();
        return place.isEmpty() ? kind + ": " + message : kind + " at " + place + ": " + message;
    }
}
