package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.it.S3Server;
import io.lazystate.metrics.StoreMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads from a real S3-compatible server, which verifies signatures. */
class S3ReaderIT extends RangedReaderContract {

    private static final S3Limits LIMITS =
            new S3Limits(
                    true,
                    8,
                    4,
                    Duration.ofMinutes(1),
                    Duration.ofMinutes(1),
                    Duration.ofSeconds(1),
                    0.05);

    @TempDir static Path root;

    private static S3Server server;
    private static S3Clients.Lease lease;

    @BeforeAll
    static void start() throws IOException {
        server = S3Server.start(Path.of(System.getProperty("s3.server")), root);
        lease = new S3Clients(false).lease(server.clientSettings(), LIMITS);
    }

    @AfterAll
    static void stop() throws IOException {
        if (lease != null) {
            lease.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @Override
    RangedReader reader() {
        return new S3Reader(lease.connections(), retries());
    }

    @Override
    StoredObject store(String name, byte[] content, long statedLength) throws IOException {
        return object(name, server.put(name, content), statedLength);
    }

    @Test
    void missingKeyIsCorrupt() {
        StoredObject missing = object("gone", "s3://" + S3Server.BUCKET + "/gone", 10);

        LazyStateException e = failure(() -> reader().read(missing, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e).hasMessageContaining("missing").hasMessageContaining("gone [0, 10)");
    }

    @Test
    void wrongSecretIsInvalid() throws IOException {
        StoredObject object = store("o", new byte[10], 10);
        Configuration settings = server.clientSettings();
        settings.setString("s3.secret-key", "guessed");
        S3Clients.Lease wrong = new S3Clients(false).lease(settings, LIMITS);
        try (wrong) {
            LazyStateException e =
                    failure(() -> new S3Reader(wrong.connections(), retries()).read(object, 0, 10));

            assertThat(e.kind()).isEqualTo(Kind.INVALID);
            assertThat(e).hasMessageContaining("s3.secret-key").hasMessageNotContaining("guessed");
        }
    }

    @Test
    void keysOfAnyCharactersAreRead() throws IOException {
        StoredObject object = store("chk-1/a b+c=ü%2F&~'(*)", new byte[] {1, 2, 3}, 3);

        assertThat(reader().read(object, 1, 2)).containsExactly(2, 3);
    }

    private static StoredObject object(String name, String uri, long length) {
        return new StoredObject(
                name, length, new FileStateHandle(new org.apache.flink.core.fs.Path(uri), length));
    }

    private static Retries retries() {
        return new Retries(1, new Backoff(0, 0, () -> 0), Thread::sleep, new StoreMetrics());
    }
}
