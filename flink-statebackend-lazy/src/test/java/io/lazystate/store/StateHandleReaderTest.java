package io.lazystate.store;

import static io.lazystate.store.RangedReaderContract.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.flink.core.fs.FSDataInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** How a failed read is told to the caller. */
class StateHandleReaderTest {

    private final RangedReader reader = new StateHandleReader();

    static Stream<Exception> missing() {
        return Stream.of(
                new FileNotFoundException("/a/b (No such file or directory)"),
                new FileNotFoundException("No such file or directory: s3://b/shared/41"),
                new NoSuchFileException("/a/b"),
                new IOException("open", new FileNotFoundException("s3://b/shared/41")),
                new IOException("S3 says NoSuchKey (Request ID: 4)"),
                new IOException("The specified key does not exist."),
                new IOException("x", new IOException("(Service: S3, Status Code: 404, ID: 4)")),
                new IllegalStateException("unchecked (Service: S3, Status Code: 404, ID: 4)"));
    }

    static Stream<Exception> unavailable() {
        return Stream.of(
                new IOException("connection reset"),
                new IOException(),
                new SocketTimeoutException("Read timed out"),
                new FileNotFoundException("/a/b (Too many open files)"),
                new FileNotFoundException("/a/b (Too many open files in system)"),
                new FileNotFoundException("/a/b (Permission denied)"),
                new IOException("(Service: S3, Status Code: 503, ID: 404)"),
                new IllegalStateException("unchecked, as clients of object stores have it"));
    }

    static Stream<IOException> interrupted() {
        return Stream.of(new InterruptedIOException("stopped"), new ClosedByInterruptException());
    }

    @ParameterizedTest
    @MethodSource("missing")
    void missingObjectIsCorrupt(Exception cause) {
        LazyStateException e = failure(() -> reader.read(StubHandle.failingToOpen(cause), 3, 4));

        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e).hasMessageContaining("missing").hasCause(cause);
    }

    @ParameterizedTest
    @MethodSource("unavailable")
    void otherFailureIsUnavailable(Exception cause) {
        LazyStateException e = failure(() -> reader.read(StubHandle.failingToOpen(cause), 3, 4));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("shared/41 [3, 7)").hasCause(cause);
    }

    @ParameterizedTest
    @MethodSource("interrupted")
    void interruptionIsClosedAndKeepsTheFlag(IOException cause) {
        LazyStateException e = failure(() -> reader.read(StubHandle.failingToOpen(cause), 3, 4));

        assertThat(Thread.interrupted()).isTrue();
        assertThat(e.kind()).isEqualTo(Kind.CLOSED);
    }

    @Test
    void failureWhileInterruptedIsClosed() {
        Thread.currentThread().interrupt();

        LazyStateException e =
                failure(
                        () ->
                                reader.read(
                                        StubHandle.failingToOpen(new IOException("closed")), 3, 4));

        assertThat(Thread.interrupted()).isTrue();
        assertThat(e.kind()).isEqualTo(Kind.CLOSED);
    }

    @Test
    void streamIsClosedWhateverHappens() {
        AtomicInteger open = new AtomicInteger();
        StoredObject object = StubHandle.object(() -> new CountedStream(open, 50));

        reader.read(object, 0, 50);
        failure(() -> reader.read(object, 60, 1));
        failure(() -> reader.read(object, 40, 20));

        assertThat(open).hasValue(0);
    }

    @Test
    void uncheckedFailureOfADownloadIsUnavailableToo(@TempDir Path directory) {
        Path target = directory.resolve("target");
        IllegalStateException cause = new IllegalStateException("reset");

        LazyStateException e =
                failure(() -> reader.download(StubHandle.failingToOpen(cause), 0, 10, target));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasCause(cause);
        assertThat(target).doesNotExist();
    }

    @Test
    void failedDownloadLeavesNoFile(@TempDir Path directory) {
        Path target = directory.resolve("target");
        StoredObject failsToClose =
                StubHandle.object(
                        () ->
                                new CountedStream(new AtomicInteger(), 100) {
                                    @Override
                                    public void close() throws IOException {
                                        throw new IOException("reset");
                                    }
                                });

        LazyStateException e = failure(() -> reader.download(failsToClose, 0, 10, target));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(target).doesNotExist();
    }

    @Test
    void localFileThatCannotBeWrittenIsUnavailableAndNamesTheFile(@TempDir Path directory) {
        Path target = directory.resolve("no such directory").resolve("target");

        LazyStateException e =
                failure(
                        () ->
                                reader.download(
                                        StubHandle.object(
                                                () -> new CountedStream(new AtomicInteger(), 100)),
                                        0,
                                        10,
                                        target));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("local").hasMessageContaining(target.toString());
    }

    /** Counts open streams; a seek past the end fails, and reads return few bytes at a time. */
    private static class CountedStream extends FSDataInputStream {

        private final AtomicInteger open;
        private final int length;
        private InputStream in;

        CountedStream(AtomicInteger open, int length) {
            this.open = open;
            this.length = length;
            this.in = new ByteArrayInputStream(new byte[length]);
            open.incrementAndGet();
        }

        @Override
        public void seek(long desired) throws IOException {
            if (desired > length) {
                throw new IOException("past the end");
            }
            in = new ByteArrayInputStream(new byte[(int) (length - desired)]);
        }

        @Override
        public long getPos() {
            throw new UnsupportedOperationException();
        }

        @Override
        public int read() throws IOException {
            return in.read();
        }

        @Override
        public int read(byte[] target, int offset, int count) throws IOException {
            return in.read(target, offset, Math.min(count, 7));
        }

        @Override
        public void close() throws IOException {
            open.decrementAndGet();
        }
    }
}
