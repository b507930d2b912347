package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.net.SocketTimeoutException;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** Tells the kinds of failed requests to S3 apart. */
final class S3Failures {

    /** Longest chain of causes that is looked at: a chain may have a cycle. */
    private static final int MAX_CAUSES = 16;

    private S3Failures() {}

    /**
     * @param end why the attempt was ended from outside, or null
     */
    static LazyStateException toException(
            RuntimeException e, S3Call.@Nullable End end, Where where) {
        LazyStateException ours = find(e, LazyStateException.class);
        if (ours != null) {
            return ours;
        }
        if (end == S3Call.End.CANCELLED) {
            return closed(where, e);
        }
        // The socket has the same time as the attempt: either may be the first to be out of it.
        if (end == S3Call.End.TIMED_OUT || find(e, SocketTimeoutException.class) != null) {
            return ReadFailures.unavailable(where, "the store did not answer in time", e);
        }
        AwsServiceException answer = find(e, AwsServiceException.class);
        return answer == null
                ? ReadFailures.unavailable(where, root(e).toString(), e)
                : refused(answer, where);
    }

    static LazyStateException closed(Where where, @Nullable Exception e) {
        return new LazyStateException(
                Kind.CLOSED, where, "the read was cancelled; nothing is lost", e);
    }

    private static LazyStateException refused(AwsServiceException e, Where where) {
        AwsErrorDetails details = e.awsErrorDetails();
        String code = details == null ? "" : String.valueOf(details.errorCode());
        return switch (e.statusCode()) {
            case 404 -> ReadFailures.missing(where, e);
            case 416 -> ReadFailures.tooShort(where, -1, e);
            case 401, 403 ->
                    code.equals("RequestTimeTooSkewed")
                            ? invalid(where, e, "set this machine's clock")
                            : invalid(
                                    where,
                                    e,
                                    "check s3.access-key, s3.secret-key or the credentials"
                                            + " provider, and that they may read the bucket");
            case 301, 307 -> invalid(where, e, "check s3.region and s3.endpoint");
            case 400 ->
                    switch (code) {
                        // What the credentials provider or another attempt mends.
                        case "ExpiredToken", "RequestTimeout", "TokenRefreshRequired" ->
                                ReadFailures.unavailable(where, e.toString(), e);
                        default ->
                                invalid(
                                        where,
                                        e,
                                        "check s3.region (R2: auto), s3.endpoint and"
                                                + " s3.path-style-access");
                    };
            default -> ReadFailures.unavailable(where, e.toString(), e);
        };
    }

    private static LazyStateException invalid(Where where, Exception e, String remedy) {
        return new LazyStateException(
                Kind.INVALID, where, "the store refuses the read: " + e + "; " + remedy, e);
    }

    private static <T> @Nullable T find(Throwable e, Class<T> type) {
        Throwable cause = e;
        for (int i = 0; cause != null && i < MAX_CAUSES; i++) {
            if (type.isInstance(cause)) {
                return type.cast(cause);
            }
            cause = cause.getCause();
        }
        return null;
    }

    private static Throwable root(Throwable e) {
        Throwable root = e;
        for (int i = 0; root.getCause() != null && i < MAX_CAUSES; i++) {
            root = root.getCause();
        }
        return root;
    }
}
