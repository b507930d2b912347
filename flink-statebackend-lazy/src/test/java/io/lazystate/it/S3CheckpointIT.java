package io.lazystate.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.CapturedLog;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.fs.FileSystem;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Checkpoints on {@code s3://}: Flink's own S3 file system writes and our own connections read,
 * against a real server on loopback.
 */
class S3CheckpointIT extends CheckpointStoreContract {
    @TempDir static Path root;

    private static S3Server server;

    @BeforeAll
    static void start() throws Exception {
        server = S3Server.start(Path.of(System.getProperty("s3.server")), root);
        FileSystem.initialize(server.clientSettings(), null);
    }

    @AfterAll
    static void stop() throws Exception {
        FileSystem.initialize(new Configuration(), null);
        if (server != null) {
            server.close();
        }
    }

    @Override
    String directory(String name) {
        return "s3://" + S3Server.BUCKET + "/" + name;
    }

    @Override
    Configuration storeSettings() {
        Configuration settings = server.clientSettings();
        settings.setString("s3.connection.max-idle-time", "1 ms"); // each run opens its own
        return settings;
    }

    /** Everything that our own connections read, Flink's file system would read too. */
    @ParameterizedTest
    @ValueSource(strings = {"LAZY", "HYBRID"})
    @Override
    void aJobGoesOnFromItsCheckpointsWhoeverOwnsThem(String mode) throws Exception {
        List<String> log =
                CapturedLog.of(
                        Level.INFO, () -> super.aJobGoesOnFromItsCheckpointsWhoeverOwnsThem(mode));

        assertThat(log).anyMatch(line -> line.startsWith("Reads S3 directly: http://127.0.0.1"));
        assertThat(log).noneMatch(line -> line.contains("through Flink's file system"));
    }

    @Override
    boolean interruptedWritesLeaveNothing() {
        return false;
    }
}
