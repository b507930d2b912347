package io.lazystate.it;

import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.fs.FileSystem;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints on {@code s3://}: Flink's own S3 file system against a real server on loopback. */
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
    boolean interruptedWritesLeaveNothing() {
        return false;
    }
}
