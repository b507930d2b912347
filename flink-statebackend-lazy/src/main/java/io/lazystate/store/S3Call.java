package io.lazystate.store;

import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.http.Abortable;

/**
 * One attempt of a request to S3, which any thread may end: the blocked thread then fails at once.
 *
 * <p>A blocked socket does not heed interrupts, but its request can be aborted. An attempt may ask
 * for credentials before it reads, inside the SDK: so {@link CancellableHttp} tells the call which
 * HTTP request it is at.
 */
final class S3Call {

    /** Why an attempt was ended from outside. */
    enum End {
        TIMED_OUT,
        CANCELLED
    }

    private @Nullable Abortable request;
    private @Nullable End end;

    /** What the attempt is waiting for from now on. */
    void waitsFor(Abortable newRequest) {
        synchronized (this) {
            request = newRequest;
            if (end == null) {
                return;
            }
        }
        newRequest.abort();
    }

    /** Ends the attempt, now or as soon as it begins; the first reason counts. */
    void end(End why) {
        Abortable running;
        synchronized (this) {
            if (end == null) {
                end = why;
            }
            running = request;
        }
        if (running != null) {
            running.abort();
        }
    }

    /** Why the attempt was ended from outside, or null if it was not. */
    synchronized @Nullable End ended() {
        return end;
    }
}
