package io.lazystate.store;

import java.util.function.Supplier;
import software.amazon.awssdk.http.ExecutableHttpRequest;
import software.amazon.awssdk.http.HttpExecuteRequest;
import software.amazon.awssdk.http.SdkHttpClient;

/**
 * An HTTP client that tells the {@link S3Call} of the calling thread what it is waiting for.
 *
 * <p>Threads: any; a synchronous client sends its requests on the calling thread, so the call is
 * found by the thread.
 */
final class CancellableHttp implements SdkHttpClient {

    private static final ThreadLocal<S3Call> CURRENT = new ThreadLocal<>();

    private final SdkHttpClient http;

    CancellableHttp(SdkHttpClient http) {
        this.http = http;
    }

    /** Runs an attempt that {@code call} can end. */
    <T> T run(S3Call call, Supplier<T> attempt) {
        CURRENT.set(call);
        try {
            return attempt.get();
        } finally {
            CURRENT.remove();
        }
    }

    @Override
    public ExecutableHttpRequest prepareRequest(HttpExecuteRequest request) {
        ExecutableHttpRequest prepared = http.prepareRequest(request);
        S3Call call = CURRENT.get();
        if (call != null) {
            call.waitsFor(prepared);
        }
        return prepared;
    }

    @Override
    public String clientName() {
        return http.clientName();
    }

    @Override
    public void close() {
        http.close();
    }
}
