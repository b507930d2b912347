package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Fetches a range into a file, in equal parts over several connections.
 *
 * <p>Used once, by the thread that waits. When {@link #run} returns or throws, nothing writes to
 * the file any more.
 */
final class S3Download {

    /** Smaller parts would cost more in requests than they gain in time. */
    private static final long LEAST_PART_BYTES = 4 << 20;

    private static final int BUFFER_BYTES = 64 << 10;

    private final S3Connections connections;
    private final Retries retries;
    private final S3Range range;
    private final Target target;
    private final List<Part> parts = new ArrayList<>();
    private final BlockingQueue<Part> ended = new LinkedBlockingQueue<>();

    /** The file that is written. */
    record Target(Path path, FileChannel file) {}

    S3Download(S3Connections connections, Retries retries, S3Range range, Target target) {
        this.connections = connections;
        this.retries = retries;
        this.range = range;
        this.target = target;
    }

    /** Returns the CRC32C of what was written. */
    int run() {
        try {
            return run(connections.parts().begin());
        } finally {
            connections.parts().end();
        }
    }

    private int run(int mostParts) {
        long bytes = partBytes(mostParts);
        int started = 0;
        int done = 0;
        boolean complete = false;
        try {
            for (long start = 0; start < range.length(); start += bytes) {
                Part part = new Part(start, Math.min(bytes, range.length() - start));
                connections.start(part, range.where());
                parts.add(part);
                started++;
            }
            for (; done < started; done++) {
                LazyStateException error = ended.take().error;
                if (error != null) {
                    done++;
                    throw error;
                }
            }
            complete = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw S3Failures.closed(range.where(), e);
        } finally {
            if (!complete) {
                parts.forEach(Part::cancel);
                awaitRest(started - done);
            }
        }
        return crc32c();
    }

    private long partBytes(long most) {
        long count = Math.min(most, Math.max(1, range.length() / LEAST_PART_BYTES));
        return (range.length() + count - 1) / count;
    }

    private int crc32c() {
        int whole = 0;
        for (Part part : parts) {
            whole = Crc32cParts.combine(whole, (int) part.crc.getValue(), part.bytes.length());
        }
        return whole;
    }

    /** Cancelled parts end soon; the file must not be closed under them, nor deleted. */
    private void awaitRest(int left) {
        boolean interrupted = false;
        for (int i = 0; i < left; ) {
            try {
                ended.take();
                i++;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** One part; when an attempt is cut, the next one goes on from there. */
    private final class Part implements Runnable {
        private final long start;
        private final S3Range bytes;
        private final CRC32C crc = new CRC32C();
        private @Nullable Thread thread;
        private @Nullable LazyStateException error;
        private long done;
        private S3Call call = new S3Call();

        Part(long start, long length) {
            this.start = start;
            this.bytes = range.part(start, length);
        }

        @Override
        public void run() {
            runsOn(Thread.currentThread());
            try {
                retries.run(this::attempt);
            } catch (LazyStateException e) {
                error = e;
            } catch (RuntimeException | Error e) {
                error =
                        new LazyStateException(
                                Kind.INTERNAL, range.where(), "the read failed: " + e, e);
            } finally {
                runsOn(null);
                ended.add(this);
            }
        }

        private Part attempt() {
            S3Call attempt = nextCall();
            connections.enter(true, range.where());
            try {
                if (done < bytes.length()) {
                    connections.get(bytes.after(done), attempt, this::copy);
                }
                return this;
            } finally {
                connections.leave(true);
            }
        }

        private Part copy(InputStream in) throws IOException {
            byte[] buffer = new byte[(int) Math.min(BUFFER_BYTES, bytes.length() - done)];
            while (done < bytes.length()) {
                int read = in.read(buffer, 0, (int) Math.min(buffer.length, bytes.length() - done));
                if (read < 0) {
                    throw new EOFException("the response is cut");
                }
                write(ByteBuffer.wrap(buffer, 0, read));
                crc.update(buffer, 0, read);
                done += read;
            }
            return this;
        }

        private void write(ByteBuffer chunk) {
            try {
                long position = start + done;
                while (chunk.hasRemaining()) {
                    position += target.file().write(chunk, position);
                }
            } catch (IOException e) {
                throw LocalFiles.failure(target.path(), range.where(), e);
            }
        }

        /** The call of the next attempt; a cancelled part has no other. */
        private synchronized S3Call nextCall() {
            if (call.ended() == S3Call.End.CANCELLED) {
                throw S3Failures.closed(range.where(), null);
            }
            call = new S3Call();
            return call;
        }

        private synchronized void cancel() {
            call.end(S3Call.End.CANCELLED);
            if (thread != null) {
                thread.interrupt(); // it may wait for its next attempt
            }
        }

        private synchronized void runsOn(@Nullable Thread newThread) {
            thread = newThread;
        }
    }
}
