package io.lazystate.snapshot;

import io.lazystate.error.LazyStateException;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.run.WrittenRun;
import io.lazystate.snapshot.ObjectSink.Placed;
import java.io.IOException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.core.fs.ICloseableRegistry;

/**
 * Run files on their way from the local disk into a checkpoint's objects.
 *
 * <p>Threads: one, and a cancelling one that closes the registry.
 */
final class RunFiles {
    private static final int ROWS_A_CANCEL_CHECK = 1024;

    private final ObjectSink sink;
    private final RunFormat format;
    private final SnapshotSettings settings;
    private final LongAdder writtenBytes;
    private final ICloseableRegistry cancel;
    private int rows;

    /**
     * @param writtenBytes counts stored bytes
     */
    RunFiles(
            ObjectSink sink,
            RunFormat format,
            SnapshotSettings settings,
            LongAdder writtenBytes,
            ICloseableRegistry cancel) {
        this.sink = sink;
        this.format = format;
        this.settings = settings;
        this.writtenBytes = writtenBytes;
        this.cancel = cancel;
    }

    /** A new local file; the caller closes its writer, or {@link #finish}es it. */
    RunWriter create() {
        Path file = settings.directory().resolve("run-" + UUID.randomUUID() + ".sst");
        return new RunWriter(file, format);
    }

    /** Whether the run has the size of an extent. */
    boolean isFull(RunWriter run) {
        return run.rawBytes() >= settings.extentBytes();
    }

    /**
     * Takes a written run into an object; the local file goes.
     *
     * @throws IOException if it cannot be written: another plan would not help
     */
    Placed finish(RunWriter writer) throws IOException {
        try (WrittenRun run = writer.finish()) {
            writtenBytes.add(run.regionBytes());
            return sink.append(run);
        } catch (LazyStateException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /** To be called for each row; looks now and then. */
    void checkCancelled() throws IOException {
        if (++rows % ROWS_A_CANCEL_CHECK == 0 && cancel.isClosed()) {
            throw new IOException("The checkpoint was cancelled");
        }
    }
}
