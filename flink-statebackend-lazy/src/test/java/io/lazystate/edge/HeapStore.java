package io.lazystate.edge;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.store.Check;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import io.lazystate.store.VerifiedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32C;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;

/** A store on the heap that counts requests, and can be away. Threads: any. */
final class HeapStore implements VerifiedReader {
    private final Map<String, byte[]> objects = new ConcurrentHashMap<>();
    private final AtomicInteger requests = new AtomicInteger();
    private volatile boolean away;

    /** An object of random bytes. */
    StoredObject put(String name, int length, Random random) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        objects.put(name, bytes);
        return new StoredObject(
                name,
                length,
                new FileStateHandle(
                        new org.apache.flink.core.fs.Path("s3://b/shared/" + name), length));
    }

    int requests() {
        return requests.get();
    }

    void goAway() {
        away = true;
    }

    byte[] bytes(ObjectRange range) {
        byte[] object = objects.get(range.object().name());
        return Arrays.copyOfRange(
                object, (int) range.offset(), (int) (range.offset() + range.length()));
    }

    static int crc32c(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    /** What accepts only the bytes of the range. */
    Check<byte[]> check(ObjectRange range) {
        byte[] expected = bytes(range);
        return bytes -> {
            if (!Arrays.equals(bytes, expected)) {
                throw new LazyStateException(Kind.CORRUPT, range.where(), "other bytes", null);
            }
            return bytes;
        };
    }

    @Override
    public <T> T read(ObjectRange range, LoadCause cause, Check<T> check) {
        return check.of(request(range));
    }

    @Override
    public void download(ObjectRange range, int crc32c, LoadCause cause, Path target) {
        try {
            Files.write(target, request(range));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private byte[] request(ObjectRange range) {
        requests.incrementAndGet();
        if (away) {
            throw new LazyStateException(Kind.UNAVAILABLE, range.where(), "away", null);
        }
        return bytes(range);
    }
}
