package io.lazystate.edge;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.Check;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.VerifiedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.flink.annotation.Internal;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads from the edge cache, else from the store, and lets the cache keep what came from there.
 *
 * <p>What identifies bytes is the path of their file and their place in it: Flink gives files names
 * that are used once, and writes each byte of a merged file once. Besides, the caller's check
 * decides about cached bytes as about any others. Objects that are inlined into a checkpoint's
 * metadata are not cached. A checkpoint or savepoint uses the cache and puts nothing into it: it
 * reads what it replaces, or everything once. Cost: a hit is no request. Threads: any.
 */
@Internal
public final class EdgeReader implements VerifiedReader {
    private static final Logger LOG = LoggerFactory.getLogger(EdgeReader.class);

    /** Longer reads are of many pages, by somebody who walks a run. */
    static final long MAX_PAGE_BYTES = 1 << 20;

    private static final int HASH_BYTES = 16;

    private final EdgeCache cache;
    private final VerifiedReader store;
    private final LoadingMetrics metrics;

    public EdgeReader(EdgeCache cache, VerifiedReader store, LoadingMetrics metrics) {
        this.cache = cache;
        this.store = store;
        this.metrics = metrics;
    }

    @Override
    public <T> T read(ObjectRange range, LoadCause cause, Check<T> check) {
        EdgeEntry entry = entry(range, range.length() > MAX_PAGE_BYTES);
        if (entry == null) {
            return store.read(range, cause, check);
        }
        EdgeCache.Hit hit = cache.read(entry);
        if (hit != null) {
            try {
                T result = check.of(hit.bytes());
                metrics.edgeHit(range.length());
                return result;
            } catch (LazyStateException e) {
                // Whatever the check has against them: the store's bytes decide.
                damaged(hit.entry());
            }
        }
        metrics.edgeMisses().increment();
        return store.read(
                range,
                cause,
                bytes -> {
                    T result = check.of(bytes);
                    if (cause != LoadCause.SNAPSHOT) {
                        cache.offer(entry, bytes);
                    }
                    return result;
                });
    }

    @Override
    public void download(ObjectRange range, int crc32c, LoadCause cause, Path target) {
        EdgeEntry entry = entry(range, true);
        if (entry == null) {
            store.download(range, crc32c, cause, target);
            return;
        }
        try {
            if (copied(entry, crc32c, target)) {
                metrics.edgeHit(range.length());
                return;
            }
        } catch (IOException e) {
            // What is there may be another name of somebody's file, which nobody may write to.
            throw new LazyStateException(
                    Kind.UNAVAILABLE,
                    range.where(),
                    "cannot delete the local file " + target + ": " + e + "; check the local disk",
                    e);
        }
        metrics.edgeMisses().increment();
        if (Thread.currentThread().isInterrupted()) {
            throw new LazyStateException(Kind.CLOSED, range.where(), "interrupted", null);
        }
        store.download(range, crc32c, cause, target);
        if (cause != LoadCause.SNAPSHOT) {
            cache.offerFile(entry, target);
        }
    }

    /** Whether the target is the range now; else there is none. */
    private boolean copied(EdgeEntry wanted, int crc32c, Path target) throws IOException {
        EdgeEntry entry = cache.copy(wanted, target);
        if (entry == null) {
            return false;
        }
        try {
            if (EdgeCache.crc32c(target) == crc32c) {
                return true;
            }
            damaged(entry);
        } catch (IOException e) {
            LOG.debug("An entry cannot be read", e);
        }
        Files.deleteIfExists(target);
        return false;
    }

    private void damaged(EdgeEntry entry) {
        metrics.edgeDamaged().increment();
        cache.damaged(entry);
    }

    private static @Nullable EdgeEntry entry(ObjectRange range, boolean bulk) {
        StreamStateHandle handle = range.object().handle();
        if (range.length() == 0) {
            return null;
        }
        if (handle instanceof SegmentFileStateHandle segment) {
            return segment.getFilePath() == null
                    ? null
                    : new EdgeEntry(
                            hash(segment.getFilePath().toString()),
                            segment.getStartPos() + range.offset(),
                            range.length(),
                            bulk);
        }
        return handle instanceof FileStateHandle file
                ? new EdgeEntry(
                        hash(file.getFilePath().toString()), range.offset(), range.length(), bulk)
                : null;
    }

    private static String hash(String path) {
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256")
                            .digest(path.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, HASH_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
