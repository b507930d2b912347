package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.NoSuchFileException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Tells the kinds of failed reads apart. */
final class ReadFailures {

    /** How S3 clients word a missing key; file systems use exception types instead. */
    private static final Pattern MISSING =
            Pattern.compile(
                    "NoSuchKey|specified key does not exist|\\b(Status Code: |HTTP )404\\b");

    /** Java reports these as FileNotFoundException too, but the file may well be there. */
    private static final Pattern NOT_MISSING =
            Pattern.compile("\\((Too many open files.*|Permission denied)\\)");

    /** Longest chain of causes that is looked at: a chain may have a cycle. */
    private static final int MAX_CAUSES = 16;

    private ReadFailures() {}

    static LazyStateException toException(Exception e, Where where) {
        if (isInterrupt(e)) {
            Thread.currentThread().interrupt();
            return new LazyStateException(
                    Kind.CLOSED, where, "the read was interrupted; nothing is lost", e);
        }
        if (isMissing(e)) {
            return missing(where, e);
        }
        if (e instanceof EOFException end) {
            return tooShort(where, -1, end);
        }
        return unavailable(where, e.toString(), e);
    }

    static LazyStateException unavailable(Where where, String problem, @Nullable Exception e) {
        return new LazyStateException(
                Kind.UNAVAILABLE, where, "cannot read: " + problem + "; a retry may help", e);
    }

    static LazyStateException missing(Where where, Exception e) {
        return new LazyStateException(
                Kind.CORRUPT,
                where,
                "the object is missing: "
                        + e
                        + "; restore from a backup copy, or from an"
                        + " older checkpoint",
                e);
    }

    /**
     * @param length of the object if it is known, else negative
     */
    static LazyStateException tooShort(Where where, long length, @Nullable Exception e) {
        String known = length < 0 ? "" : ": it has " + length + " bytes";
        return new LazyStateException(
                Kind.CORRUPT,
                where,
                "the object is shorter than the manifest says"
                        + known
                        + "; restore from a backup"
                        + " copy, or from an older checkpoint",
                e);
    }

    static boolean isInterrupt(Exception e) {
        // A timeout is an InterruptedIOException by inheritance only.
        return e instanceof ClosedByInterruptException
                || (e instanceof InterruptedIOException && !(e instanceof SocketTimeoutException))
                || Thread.currentThread().isInterrupted();
    }

    private static boolean isMissing(Exception e) {
        Throwable cause = e;
        for (int i = 0; cause != null && i < MAX_CAUSES; i++) {
            String message = String.valueOf(cause.getMessage());
            if (cause instanceof FileNotFoundException || cause instanceof NoSuchFileException) {
                return !NOT_MISSING.matcher(message).find();
            }
            if (MISSING.matcher(message).find()) {
                return true;
            }
            cause = cause.getCause();
        }
        return false;
    }
}
