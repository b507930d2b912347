package io.lazystate.it;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;

/**
 * A real S3-compatible server on a free loopback port: s3proxy over a local directory, in a process
 * and on a class path of its own.
 *
 * <p>Ownership: closing ends the process; so does the end of this one.
 */
public final class S3Server implements AutoCloseable {
    public static final String BUCKET = "checkpoints";

    private static final String ACCESS_KEY = "key";
    private static final String SECRET_KEY = "secret";
    private static final Pattern LISTENING =
            Pattern.compile("Started .*ServerConnector.*\\{127\\.0\\.0\\.1:(\\d+)}");
    private static final int LINES_KEPT = 50;
    private static final int CLOSE_SECONDS = 10;

    private final Process process;
    private final int port;
    private final Path bucket;

    private S3Server(Process process, int port, Path bucket) {
        this.process = process;
        this.port = port;
        this.bucket = bucket;
    }

    /**
     * @param jar the server with its libraries
     * @param directory for its settings and its objects
     */
    public static S3Server start(Path jar, Path directory) throws IOException {
        Path objects = Files.createDirectories(directory.resolve("objects"));
        Path bucket = Files.createDirectories(objects.resolve(BUCKET));
        Path settings = directory.resolve("s3proxy.conf");
        Files.write(
                settings,
                List.of(
                        "s3proxy.endpoint=http://127.0.0.1:0",
                        "s3proxy.authorization=aws-v2-or-v4",
                        "s3proxy.identity=" + ACCESS_KEY,
                        "s3proxy.credential=" + SECRET_KEY,
                        "s3proxy.ignore-unknown-headers=true",
                        "jclouds.provider=filesystem-nio2",
                        "jclouds.identity=none",
                        "jclouds.credential=none",
                        "jclouds.filesystem.basedir=" + objects));
        Process process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx256m",
                                "-cp",
                                jar + File.pathSeparator + testClasses(),
                                S3ServerMain.class.getName(),
                                "--properties",
                                settings.toString())
                        .redirectErrorStream(true)
                        .start();
        try {
            return new S3Server(process, awaitPort(process), bucket);
        } catch (IOException | RuntimeException e) {
            process.destroyForcibly();
            throw e;
        }
    }

    /** Stores an object behind the server's back, and returns its URI. */
    public String put(String key, byte[] content) throws IOException {
        Path file = bucket.resolve(key);
        Files.createDirectories(file.getParent());
        Files.write(file, content);
        return "s3://" + BUCKET + "/" + key;
    }

    /** How Flink's S3 file system reaches the server. */
    public Configuration clientSettings() {
        Configuration settings = new Configuration();
        settings.setString("s3.endpoint", "http://127.0.0.1:" + port);
        settings.setString("s3.path-style-access", "true");
        settings.setString("s3.access-key", ACCESS_KEY);
        settings.setString("s3.secret-key", SECRET_KEY);
        settings.setString("s3.region", "us-east-1");
        return settings;
    }

    @Override
    public void close() throws IOException {
        process.getOutputStream().close();
        try {
            if (!process.waitFor(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    /** Reads the server's log until it says where it listens, and from then on throws it away. */
    private static int awaitPort(Process process) throws IOException {
        BufferedReader log =
                new BufferedReader(
                        new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        Deque<String> last = new ArrayDeque<>();
        for (String line = log.readLine(); line != null; line = log.readLine()) {
            Matcher listening = LISTENING.matcher(line);
            if (listening.find()) {
                Thread drain = new Thread(() -> drain(log), "s3-server-log");
                drain.setDaemon(true);
                drain.start();
                return Integer.parseInt(listening.group(1));
            }
            last.add(line);
            if (last.size() > LINES_KEPT) {
                last.remove();
            }
        }
        throw new IOException(
                "The S3 server ended before it listened:\n" + String.join("\n", last));
    }

    private static void drain(BufferedReader log) {
        try (log) {
            log.transferTo(Writer.nullWriter());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path testClasses() throws IOException {
        try {
            return Path.of(
                    S3ServerMain.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }
}
