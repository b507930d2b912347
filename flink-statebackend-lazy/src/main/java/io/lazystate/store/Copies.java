package io.lazystate.store;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads objects, and the same bytes from their replicas where an object is missing, damaged or
 * cannot be reached (I3, I7, I8).
 *
 * <p>Cost: a request for each copy that is asked, one more if its bytes fail their check, since
 * they may have been damaged on their way, and what the reader underneath repeats. If the store
 * does not answer and a replica does, replicas are asked first for {@link #AWAY_SECONDS}. Every use
 * of a replica is counted, and logged once for each object. Threads: any.
 */
@Internal
public final class Copies implements VerifiedReader {
    private static final Logger LOG = LoggerFactory.getLogger(Copies.class);

    private static final long AWAY_SECONDS = 30;

    /** Objects of which the log tells; the counter goes on. */
    private static final int MAX_REPORTED = 1_000;

    private final RangedReader reader;
    private final Replicas replicas;
    private final LoadingMetrics metrics;
    private final LongSupplier nanoTime;
    private final Set<String> reported = new HashSet<>();
    private @Nullable Long awayUntil;

    /**
     * @param reader repeats by itself what may succeed later; reads replicas as well
     * @param metrics counts reads of replicas
     */
    public Copies(
            RangedReader reader, Replicas replicas, LoadingMetrics metrics, LongSupplier nanoTime) {
        this.reader = reader;
        this.replicas = replicas;
        this.metrics = metrics;
        this.nanoTime = nanoTime;
    }

    @Override
    public <T> T read(ObjectRange range, LoadCause cause, Check<T> check) {
        int length = Math.toIntExact(range.length());
        return first(
                range, copy -> checked(() -> reader.read(copy, range.offset(), length), check::of));
    }

    @Override
    public void download(ObjectRange range, int crc32c, LoadCause cause, Path target) {
        first(
                range,
                copy ->
                        checked(
                                () -> reader.download(copy, range.offset(), range.length(), target),
                                got -> requireSame(got, crc32c, copy, range, target)));
    }

    private static boolean requireSame(
            int got, int crc32c, StoredObject copy, ObjectRange range, Path target) {
        if (got != crc32c) {
            LocalFiles.deleteQuietly(target);
            throw new LazyStateException(
                    Kind.CORRUPT,
                    copy.where(range.offset(), range.length()),
                    "the bytes failed their checksum; restore from a backup copy, or from an"
                            + " older checkpoint",
                    null);
        }
        return true;
    }

    /** What fails the check is fetched once more: it may have been damaged on its way. */
    private static <B, T> T checked(Supplier<B> fetch, Function<B, T> check) {
        B bytes = fetch.get();
        try {
            return check.apply(bytes);
        } catch (LazyStateException e) {
            if (e.kind() != Kind.CORRUPT) {
                throw e;
            }
            LOG.debug("Fetches once more what failed its check", e);
        }
        return check.apply(fetch.get());
    }

    /** What the first sound copy gives. */
    private <T> T first(ObjectRange range, Function<StoredObject, T> read) {
        StoredObject object = range.object();
        List<StoredObject> copies = isAway() ? replicas.of(object) : List.of();
        for (StoredObject copy : copies) {
            try {
                T result = read.apply(copy);
                replaced(object, copy, "the store did not answer a moment ago");
                return result;
            } catch (LazyStateException e) {
                throwIfClosed(e);
            }
        }
        try {
            return read.apply(object);
        } catch (LazyStateException e) {
            if ((e.kind() != Kind.CORRUPT && e.kind() != Kind.UNAVAILABLE) || !copies.isEmpty()) {
                throw e;
            }
            return fromReplica(object, read, e);
        }
    }

    private <T> T fromReplica(
            StoredObject object, Function<StoredObject, T> read, LazyStateException failure) {
        for (StoredObject copy : replicas.of(object)) {
            try {
                T result = read.apply(copy);
                if (failure.kind() == Kind.UNAVAILABLE) {
                    noteAway();
                }
                replaced(object, copy, failure.getMessage());
                return result;
            } catch (LazyStateException e) {
                throwIfClosed(e);
                failure.addSuppressed(e);
            }
        }
        throw failure;
    }

    private static void throwIfClosed(LazyStateException e) {
        if (e.kind() == Kind.CLOSED) {
            throw e;
        }
    }

    private synchronized boolean isAway() {
        return awayUntil != null && awayUntil - nanoTime.getAsLong() > 0;
    }

    private synchronized void noteAway() {
        awayUntil = nanoTime.getAsLong() + TimeUnit.SECONDS.toNanos(AWAY_SECONDS);
    }

    private void replaced(StoredObject object, StoredObject copy, @Nullable String why) {
        metrics.replicaReads().increment();
        synchronized (this) {
            if (reported.size() >= MAX_REPORTED || !reported.add(object.location())) {
                return;
            }
        }
        LOG.warn("{} is read from the replica {}: {}", object.location(), copy.location(), why);
    }
}
