package io.lazystate.store;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.flink.util.IOUtils;
import org.apache.flink.util.concurrent.ExecutorThreadFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.http.AbortableInputStream;
import software.amazon.awssdk.http.HttpExecuteRequest;
import software.amazon.awssdk.http.HttpExecuteResponse;
import software.amazon.awssdk.http.SdkHttpResponse;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;

/**
 * The connections of one TaskManager to one S3 account: kept alive, bounded, shared by all its
 * backends ({@link S3Clients}).
 *
 * <p>Threads: any. Requests run on threads of this object, so that whoever waits for one can be
 * interrupted, which a blocked socket cannot. Bounds: {@link S3Limits#connections} requests at a
 * time, a thread each, and one for each waiting part of a download; a thread that ends attempts
 * whose time is up. Nothing below repeats a request: {@link Retries} do. Closing ends what is under
 * way and all threads.
 */
final class S3Connections implements Closeable {

    private static final Logger LOG = LoggerFactory.getLogger(S3Connections.class);
    private static final String NO_RANGE = "all";
    private static final long IDLE_SECONDS = 10;
    private static final long CLOSE_SECONDS = 10;

    private final S3Limits limits;
    private final CancellableHttp http;
    private final S3Requests requests;
    private final Semaphore free;
    private final Semaphore freeForDownloads;
    private final HedgeBudget hedges;
    private final DownloadParts parts;
    private final ThreadPoolExecutor threads;
    private final ScheduledThreadPoolExecutor deadlines;
    private final Set<S3Call> running = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;
    private volatile boolean proven;
    private volatile boolean givenUp;

    /** Takes the bytes of a response, of which there are as many as were asked for. */
    interface Body<T> {
        T take(InputStream in) throws IOException;
    }

    /**
     * Sends no request to S3, but may ask the machine's metadata service for region and
     * credentials.
     *
     * @throws RuntimeException if credentials or region cannot be found
     */
    S3Connections(S3Account account, S3Limits limits) {
        this.limits = limits;
        S3Account.Place place = account.place();
        this.http =
                new CancellableHttp(
                        Apache5HttpClient.builder()
                                .maxConnections(limits.connections())
                                .connectionAcquisitionTimeout(limits.acquireTimeout())
                                .connectionTimeout(place.connectTimeout())
                                .socketTimeout(limits.attemptTimeout())
                                .connectionMaxIdleTime(place.maxIdleTime())
                                .tcpKeepAlive(true)
                                .build());
        try {
            this.requests = new S3Requests(account, http);
        } catch (RuntimeException | LinkageError e) {
            http.close();
            throw e;
        }
        this.free = new Semaphore(limits.connections(), true);
        this.freeForDownloads = new Semaphore(limits.downloadConnections(), true);
        this.hedges = new HedgeBudget(limits.hedgeDelay().isZero() ? 0 : limits.hedgeShare());
        this.parts = new DownloadParts(limits.partsAtOnce());
        this.threads =
                new ThreadPoolExecutor(
                        0,
                        Integer.MAX_VALUE,
                        IDLE_SECONDS,
                        TimeUnit.SECONDS,
                        new SynchronousQueue<>(),
                        new ExecutorThreadFactory("lazy-state-s3"));
        this.deadlines =
                new ScheduledThreadPoolExecutor(
                        1, new ExecutorThreadFactory("lazy-state-s3-deadlines"));
        deadlines.setRemoveOnCancelPolicy(true);
    }

    S3Limits limits() {
        return limits;
    }

    HedgeBudget hedges() {
        return hedges;
    }

    /** In how many parts files are fetched. */
    DownloadParts parts() {
        return parts;
    }

    /** Whether a request was answered as it should: the settings are right then. */
    boolean proven() {
        return proven;
    }

    /** Reads no more through these connections, since Flink's file system can and they cannot. */
    void giveUp() {
        givenUp = true;
    }

    boolean givenUp() {
        return givenUp;
    }

    /**
     * Waits for a free connection, for a bounded time; {@link #leave} gives it back.
     *
     * @throws LazyStateException UNAVAILABLE, CLOSED
     */
    void enter(boolean download, Where where) {
        long millis = limits.acquireTimeout().toMillis();
        try {
            boolean entered = !download || acquire(freeForDownloads, millis);
            if (entered && !acquire(free, millis)) {
                if (download) {
                    freeForDownloads.release();
                }
                entered = false;
            }
            if (!entered) {
                throw ReadFailures.unavailable(
                        where,
                        "all " + limits.connections() + " connections were busy for too long",
                        null);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw S3Failures.closed(where, e);
        }
    }

    /** Takes a connection if one is free right now. */
    boolean tryEnter() {
        return free.tryAcquire();
    }

    void leave(boolean download) {
        free.release();
        if (download) {
            freeForDownloads.release();
        }
    }

    private static boolean acquire(Semaphore semaphore, long millis) throws InterruptedException {
        return semaphore.tryAcquire(millis, TimeUnit.MILLISECONDS);
    }

    /**
     * Runs a task on a thread of its own.
     *
     * @throws LazyStateException CLOSED; UNAVAILABLE if no thread can be made
     */
    void start(Runnable task, Where where) {
        try {
            threads.execute(task);
        } catch (RejectedExecutionException e) {
            throw S3Failures.closed(where, e);
        } catch (OutOfMemoryError e) {
            throw ReadFailures.unavailable(where, "no thread can be made: " + e, null);
        }
    }

    /**
     * Sends one GET and hands over what comes; on the calling thread, which has {@link #enter}ed.
     *
     * @throws LazyStateException of any kind that {@link RangedReader} names
     */
    <T> T get(S3Range range, S3Call call, Body<T> body) {
        ScheduledFuture<?> deadline = null;
        running.add(call);
        try {
            if (closed) {
                throw S3Failures.closed(range.where(), null);
            }
            deadline =
                    deadlines.schedule(
                            () -> call.end(S3Call.End.TIMED_OUT),
                            limits.attemptMillis(range.length()),
                            TimeUnit.MILLISECONDS);
            T result = http.run(call, () -> send(range, body));
            proven = true;
            return result;
        } catch (RuntimeException e) {
            throw S3Failures.toException(e, call.ended(), range.where());
        } catch (OutOfMemoryError e) { // no thread for the deadline, or no room for the body
            throw ReadFailures.unavailable(range.where(), e.toString(), null);
        } finally {
            running.remove(call);
            if (deadline != null) {
                deadline.cancel(false);
            }
        }
    }

    private <T> T send(S3Range range, Body<T> body) {
        HttpExecuteRequest request =
                HttpExecuteRequest.builder().request(requests.get(range)).build();
        try {
            return take(http.prepareRequest(request).call(), range, body);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static <T> T take(HttpExecuteResponse response, S3Range range, Body<T> body)
            throws IOException {
        SdkHttpResponse head = response.httpResponse();
        AbortableInputStream in =
                response.responseBody().orElseGet(AbortableInputStream::createEmpty);
        boolean atEnd = false;
        try {
            if (!head.isSuccessful()) {
                AwsServiceException refusal = S3Refusal.of(head, in);
                atEnd = in.read() < 0;
                throw refusal;
            }
            checkRange(head, range);
            T taken = body.take(in);
            atEnd = true;
            return taken;
        } finally {
            if (atEnd) {
                in.close(); // the connection is free for the next request
            } else {
                in.abort(); // what is left may be long
            }
        }
    }

    /** That the body is what was asked for. Objects are immutable, so a short one stays short. */
    private static void checkRange(SdkHttpResponse head, S3Range range) {
        String got = head.firstMatchingHeader("Content-Range").orElse(NO_RANGE);
        long last = range.from() + range.length() - 1;
        if (got.startsWith("bytes " + range.from() + "-" + last + "/")) {
            return;
        }
        if (got.equals(NO_RANGE)
                && range.from() == 0
                && head.firstMatchingHeader("Content-Length")
                        .equals(Optional.of(String.valueOf(range.length())))) {
            return; // all of it is the range, too
        }
        int slash = got.indexOf('/');
        String total = slash < 0 ? "" : got.substring(slash + 1);
        if (got.startsWith("bytes " + range.from() + "-")
                && total.matches("\\d{1,18}")
                && Long.parseLong(total) <= last) {
            throw ReadFailures.tooShort(range.where(), Long.parseLong(total), null);
        }
        throw ReadFailures.unavailable(
                range.where(), "asked for " + range.header() + ", the store sent " + got, null);
    }

    @Override
    public void close() {
        closed = true;
        running.forEach(call -> call.end(S3Call.End.CANCELLED));
        threads.shutdownNow();
        deadlines.shutdownNow();
        try {
            if (!threads.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)
                    || !deadlines.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("Requests to S3 did not end when they were cancelled");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        IOUtils.closeAllQuietly(requests, http);
    }
}
