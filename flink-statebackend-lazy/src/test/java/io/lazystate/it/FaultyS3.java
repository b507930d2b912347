package io.lazystate.it;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * Stands before an S3 server on loopback, lets reads through, and lets some of them fail as those
 * of a busy store and a bad network do.
 *
 * <p>Which request meets which fault is drawn with a seed, in the order in which they come.
 * Requests are handed on as they are, since their host is signed; only that each has a connection
 * of its own. None but GETs are let through. Closing ends all threads.
 */
final class FaultyS3 implements AutoCloseable {
    private static final int THREADS = 32;
    private static final int PATIENCE_MILLIS = 10_000;
    private static final int SPIKE_MILLIS = 200;
    private static final String END_OF_HEAD = "\r\n\r\n";
    private static final String SLOW_DOWN =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>SlowDown</Code>"
                    + "<Message>Please reduce your request rate.</Message></Error>";

    /** What a request meets. */
    enum Fault {
        /** Answered with status 503, SlowDown. */
        REFUSED(5),
        /** The connection ends in the middle of the body. */
        CUT(1),
        /** Answered 200 ms later. */
        SPIKE(5),
        NONE(89);

        private final int percent;

        Fault(int percent) {
            this.percent = percent;
        }
    }

    private final URI server;
    private final Random random;
    private final ServerSocket door;
    private final ScheduledThreadPoolExecutor threads = new ScheduledThreadPoolExecutor(THREADS);
    private final Map<Fault, LongAdder> met = new EnumMap<>(Fault.class);

    private FaultyS3(URI server, long seed) throws IOException {
        this.server = server;
        this.random = new Random(seed);
        for (Fault fault : Fault.values()) {
            met.put(fault, new LongAdder());
        }
        this.door = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    }

    /**
     * @param server where the real one listens
     */
    static FaultyS3 before(URI server, long seed) throws IOException {
        FaultyS3 faulty = new FaultyS3(server, seed);
        Thread accepts = new Thread(faulty::acceptUntilClosed, "faulty-s3");
        accepts.setDaemon(true);
        accepts.start();
        return faulty;
    }

    URI endpoint() {
        return URI.create("http://127.0.0.1:" + door.getLocalPort());
    }

    /** How many requests met that so far. */
    long met(Fault fault) {
        return met.get(fault).sum();
    }

    private void acceptUntilClosed() {
        while (!door.isClosed()) {
            try {
                Socket client = door.accept();
                client.setSoTimeout(PATIENCE_MILLIS);
                Fault fault = draw();
                threads.schedule(
                        () -> answer(client, fault),
                        fault == Fault.SPIKE ? SPIKE_MILLIS : 0,
                        TimeUnit.MILLISECONDS);
            } catch (IOException e) {
                // Closed, which the loop sees, or a client that has gone already.
            }
        }
    }

    private Fault draw() {
        int left = random.nextInt(100);
        for (Fault fault : Fault.values()) {
            left -= fault.percent;
            if (left < 0) {
                return fault;
            }
        }
        return Fault.NONE;
    }

    private void answer(Socket client, Fault fault) {
        try (client;
                OutputStream out = client.getOutputStream()) {
            String request = head(client.getInputStream());
            if (!request.startsWith("GET ")) {
                return;
            }
            byte[] answer = fault == Fault.REFUSED ? refusal() : fromServer(request);
            int length = fault == Fault.CUT ? half(answer) : answer.length;
            met.get(fault).increment();
            out.write(answer, 0, length);
        } catch (IOException e) {
            // The client has gone, or sees that the connection ends and asks again.
        }
    }

    private static String head(InputStream in) throws IOException {
        InputStream buffered = new BufferedInputStream(in);
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        int last = 0;
        for (int b = buffered.read(); b >= 0; b = buffered.read()) {
            head.write(b);
            last = last << 8 | b;
            if (last == ('\r' << 24 | '\n' << 16 | '\r' << 8 | '\n')) {
                break;
            }
        }
        return head.toString(StandardCharsets.ISO_8859_1);
    }

    private byte[] fromServer(String request) throws IOException {
        String last =
                request.replaceAll("(?im)^connection:.*\r\n", "")
                        .replaceFirst(END_OF_HEAD + "$", "\r\nConnection: close" + END_OF_HEAD);
        try (Socket connection = new Socket(server.getHost(), server.getPort())) {
            connection.setSoTimeout(PATIENCE_MILLIS);
            connection.getOutputStream().write(last.getBytes(StandardCharsets.ISO_8859_1));
            return connection.getInputStream().readAllBytes();
        }
    }

    private static byte[] refusal() {
        return ("HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close"
                        + "\r\nContent-Length: "
                        + SLOW_DOWN.length()
                        + END_OF_HEAD
                        + SLOW_DOWN)
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    /** The length of an answer without the second half of its body. */
    private static int half(byte[] answer) {
        int head = new String(answer, StandardCharsets.ISO_8859_1).indexOf(END_OF_HEAD);
        int body = head + END_OF_HEAD.length();
        return body + (answer.length - body) / 2;
    }

    @Override
    public void close() throws IOException {
        door.close();
        threads.shutdownNow();
        try {
            if (!threads.awaitTermination(2L * PATIENCE_MILLIS, TimeUnit.MILLISECONDS)) {
                throw new IOException("A request does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
