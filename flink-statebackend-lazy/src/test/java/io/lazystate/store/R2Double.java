package io.lazystate.store;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.lazystate.Condition;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.fs.Path;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;

/**
 * A store on loopback that answers GETs as R2 does, and refuses what R2 refuses or did at some
 * time: all of the SDK's checksums, chunked signing, and any region but {@code auto} and its alias.
 * It notes every request, and fails as a test tells it.
 */
public final class R2Double implements AutoCloseable {
    public static final String BUCKET = "state";

    static final String ACCESS_KEY = "r2-access-key";
    static final String SECRET_KEY = "r2-very-secret-key";

    private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");
    private static final Pattern SCOPE =
            Pattern.compile(
                    "AWS4-HMAC-SHA256 Credential=([^/]+)/\\d{8}/([^/]*)/s3/aws4_request,.*");

    static {
        // Otherwise the JDK's server waits 40 ms for an acknowledgement of each header.
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, byte[]> objects = new ConcurrentHashMap<>();
    private final Deque<Fault> faults = new ConcurrentLinkedDeque<>();
    private final List<String> ranges = new CopyOnWriteArrayList<>();
    private final Set<InetSocketAddress> connections = ConcurrentHashMap.newKeySet();
    private final BlockingQueue<String> stalled = new LinkedBlockingQueue<>();
    private final CountDownLatch released = new CountDownLatch(1);
    private final AtomicInteger answered = new AtomicInteger();

    /** What goes wrong with one request. */
    interface Fault {
        void answer(R2Double store, HttpExchange exchange, byte[] object) throws IOException;
    }

    public R2Double() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    /** How Flink's S3 file systems, and so we, are told of the store. */
    public Configuration settings() {
        Configuration settings = new Configuration();
        settings.setString("s3.endpoint", "http://127.0.0.1:" + server.getAddress().getPort());
        settings.setString("s3.path.style.access", "true");
        settings.setString("s3.region", "auto");
        settings.setString("s3.access-key", ACCESS_KEY);
        settings.setString("s3.secret-key", SECRET_KEY);
        return settings;
    }

    /** Stores an object and returns its handle. */
    public FileStateHandle put(String key, byte[] content) {
        objects.put("/" + BUCKET + "/" + key, content);
        return new FileStateHandle(new Path("s3://" + BUCKET + "/" + key), content.length);
    }

    /** The next requests fail so, one after the other. */
    void failNext(Fault... next) {
        faults.addAll(List.of(next));
    }

    static Fault status(int status, String code) {
        return (store, exchange, object) -> error(exchange, status, code);
    }

    /** Says it sends everything, and ends the connection after some bytes. */
    static Fault cutAfter(int bytes) {
        return (store, exchange, object) -> {
            long[] range = range(exchange, object.length);
            sendHead(exchange, range, range[0], object.length);
            exchange.getResponseBody().write(object, (int) range[0], bytes);
            exchange.getResponseBody().flush();
            throw new IOException("cut, as told");
        };
    }

    /** Sends other bytes than those that were asked for, and says so. */
    static Fault otherRange() {
        return (store, exchange, object) -> {
            long[] range = range(exchange, object.length);
            sendHead(exchange, range, range[0] + 1, object.length);
            exchange.getResponseBody()
                    .write(object, (int) range[0], (int) (range[1] - range[0] + 1));
        };
    }

    /** Does not know of ranges. */
    static Fault whole() {
        return (store, exchange, object) -> {
            exchange.sendResponseHeaders(200, object.length);
            exchange.getResponseBody().write(object);
        };
    }

    /** Does not answer before the store is told to, or closed. */
    static Fault stall() {
        return (store, exchange, object) -> {
            store.stallHere(exchange);
            store.answer(exchange);
        };
    }

    /** Ends the connection without an answer once another request has been answered. */
    static Fault cutBehindTheNext() {
        return (store, exchange, object) -> {
            int answered = store.answered.get();
            Condition.await("the next is answered", () -> store.answered.get() > answered);
            throw new IOException("cut, as told");
        };
    }

    /** Sends some bytes, and no more before the store is closed. */
    static Fault stallAfter(int bytes) {
        return (store, exchange, object) -> {
            long[] range = range(exchange, object.length);
            sendHead(exchange, range, range[0], object.length);
            exchange.getResponseBody().write(object, (int) range[0], bytes);
            exchange.getResponseBody().flush();
            store.stallHere(exchange);
        };
    }

    /** Returns when a request stalls. */
    void awaitStalled() throws InterruptedException {
        stalled.take();
    }

    /** From now on no request stalls, and those that do are answered. */
    void release() {
        released.countDown();
    }

    /** Range headers of all requests so far, in the order of arrival. */
    public List<String> ranges() {
        return List.copyOf(ranges);
    }

    /** How many connections requests came over so far. */
    public int connections() {
        return connections.size();
    }

    /** Forgets what was requested; open connections count again when they are used. */
    public void forget() {
        ranges.clear();
        connections.clear();
    }

    @Override
    public void close() {
        released.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    private void handle(HttpExchange exchange) {
        try (exchange) {
            connections.add(exchange.getRemoteAddress());
            ranges.add(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
            answer(exchange);
            answered.incrementAndGet();
        } catch (IOException e) {
            // The client has gone, or shall see the connection end: closing the exchange does it.
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        byte[] object = objects.get(exchange.getRequestURI().getPath());
        if (refused(exchange)) {
            return;
        }
        Fault fault = faults.poll();
        if (fault != null) {
            fault.answer(this, exchange, object);
        } else if (object == null) {
            error(exchange, 404, "NoSuchKey");
        } else {
            long[] range = range(exchange, object.length);
            if (range[0] >= object.length) {
                error(exchange, 416, "InvalidRange");
                return;
            }
            sendHead(exchange, range, range[0], object.length);
            exchange.getResponseBody()
                    .write(object, (int) range[0], (int) (range[1] - range[0] + 1));
        }
    }

    private static boolean refused(HttpExchange exchange) throws IOException {
        Headers headers = exchange.getRequestHeaders();
        Matcher scope = SCOPE.matcher(String.valueOf(headers.getFirst("Authorization")));
        if (!exchange.getRequestMethod().equals("GET")
                || headers.getFirst("Range") == null
                || asksForUnknownChecksums(headers)) {
            error(exchange, 501, "NotImplemented");
        } else if (!scope.matches() || !scope.group(1).equals(ACCESS_KEY)) {
            error(exchange, 403, "SignatureDoesNotMatch");
        } else if (!scope.group(2).matches("auto|us-east-1|")) {
            error(exchange, 400, "InvalidRegionName");
        } else {
            return false;
        }
        return true;
    }

    private static boolean asksForUnknownChecksums(Headers headers) {
        Set<String> names = new HashSet<>();
        headers.keySet().forEach(name -> names.add(name.toLowerCase(Locale.ROOT)));
        return names.stream().anyMatch(name -> name.startsWith("x-amz-checksum"))
                || names.contains("x-amz-sdk-checksum-algorithm")
                || names.contains("x-amz-trailer")
                || String.valueOf(headers.getFirst("x-amz-content-sha256")).startsWith("STREAMING");
    }

    private void stallHere(HttpExchange exchange) {
        try {
            stalled.add(String.valueOf(exchange.getRequestURI()));
            released.await();
        } catch (InterruptedException e) {
            throw new UncheckedIOException(new IOException(e));
        }
    }

    /** First and last byte, the last one clipped to what is there. */
    private static long[] range(HttpExchange exchange, int length) {
        Matcher range = RANGE.matcher(exchange.getRequestHeaders().getFirst("Range"));
        if (!range.matches()) {
            throw new AssertionError("not a range with both ends");
        }
        return new long[] {
            Long.parseLong(range.group(1)), Math.min(Long.parseLong(range.group(2)), length - 1)
        };
    }

    private static void sendHead(HttpExchange exchange, long[] range, long saidFrom, int length)
            throws IOException {
        exchange.getResponseHeaders()
                .set(
                        "Content-Range",
                        "bytes "
                                + saidFrom
                                + "-"
                                + (saidFrom + range[1] - range[0])
                                + "/"
                                + length);
        exchange.sendResponseHeaders(206, range[1] - range[0] + 1);
    }

    private static void error(HttpExchange exchange, int status, String code) throws IOException {
        byte[] body =
                ("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>"
                                + code
                                + "</Code><Message>as told</Message></Error>")
                        .getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/xml");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }
}
