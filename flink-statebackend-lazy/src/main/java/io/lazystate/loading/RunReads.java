package io.lazystate.loading;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.run.Crc32c;
import io.lazystate.run.Page;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.Check;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import io.lazystate.store.VerifiedReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.flink.annotation.Internal;

/**
 * Reads runs, or large parts of them, verified and past the page cache.
 *
 * <p>Threads: any; the caller's does the read, and waits for it. Cost: one ranged read a call, and
 * one more if the page table is needed and not here; two calls for the same bytes are two reads.
 * Errors: UNAVAILABLE, CORRUPT (names object and range), CLOSED (interrupted).
 */
@Internal
public final class RunReads {
    private final VerifiedReader reader;
    private final LoadingMetrics metrics;
    private final PageIndexes indexes;

    RunReads(VerifiedReader reader, LoadingMetrics metrics, PageIndexes indexes) {
        this.reader = reader;
        this.metrics = metrics;
        this.indexes = indexes;
    }

    /**
     * Copies a run's whole table to a local file, verified.
     *
     * <p>Ownership: as of {@link VerifiedReader#download}.
     *
     * @throws LazyStateException CORRUPT if length or checksum differ
     */
    void download(Run run, Path target, LoadCause cause) {
        long length = run.meta().tableBytes();
        ObjectRange table = new ObjectRange(run.object(), run.offset(), length);
        pending(
                run.meta().pageCount(),
                () -> {
                    reader.download(table, run.meta().tableCrc32c(), cause, target);
                    return true;
                });
        metrics.loaded(cause, run.meta().pageCount(), length);
    }

    /**
     * Reads the tables of runs of one object with one ranged read, from the first to the last of
     * them.
     *
     * @param runs at most 2 GB from end to end
     * @return the table of each, in order; parts of one array
     * @throws LazyStateException CORRUPT if the checksum of any differs
     */
    List<ByteBuffer> tables(List<Run> runs, LoadCause cause) {
        StoredObject object = runs.get(0).object();
        long start = runs.stream().mapToLong(Run::offset).min().orElseThrow();
        long end =
                runs.stream()
                        .mapToLong(run -> run.offset() + run.meta().tableBytes())
                        .max()
                        .orElseThrow();
        int pages = runs.stream().mapToInt(run -> run.meta().pageCount()).sum();
        int length = Math.toIntExact(end - start);
        return pending(
                pages,
                () -> {
                    List<ByteBuffer> tables =
                            reader.read(
                                    new ObjectRange(object, start, length),
                                    cause,
                                    bytes -> tables(runs, start, bytes));
                    metrics.loaded(cause, pages, length);
                    return tables;
                });
    }

    /** The tables of runs that lie in these bytes; CORRUPT if the checksum of any differs. */
    private static List<ByteBuffer> tables(List<Run> runs, long start, byte[] bytes) {
        List<ByteBuffer> tables = new ArrayList<>(runs.size());
        for (Run run : runs) {
            int at = Math.toIntExact(run.offset() - start);
            int tableBytes = Math.toIntExact(run.meta().tableBytes());
            verify(run, Crc32c.of(bytes, at, tableBytes));
            tables.add(ByteBuffer.wrap(bytes, at, tableBytes));
        }
        return tables;
    }

    private static void verify(Run run, int crc32c) {
        if (crc32c != run.meta().tableCrc32c()) {
            throw new LazyStateException(
                    Kind.CORRUPT,
                    new ObjectRange(run.object(), run.offset(), run.meta().tableBytes()).where(),
                    "The run file failed its checksum; restore from a backup copy, or from an"
                            + " older checkpoint",
                    null);
        }
    }

    /** Reads bytes of a run that are neither pages nor indexes to the caller. */
    public <T> T bytes(Run run, long offset, int length, LoadCause cause, Check<T> check) {
        T result = reader.read(new ObjectRange(run.object(), offset, length), cause, check);
        metrics.loaded(cause, 0, length);
        return result;
    }

    /** Reads neighbouring pages with one ranged read. */
    public List<Page> pages(Run run, int from, int to, LoadCause cause) {
        indexes.pageTable(run, cause);
        return pending(to - from, () -> pagesPending(run, from, to, cause));
    }

    /** As above, for a caller that counts them as pending already. */
    List<Page> pagesPending(Run run, int from, int to, LoadCause cause) {
        PageTable table = indexes.pageTable(run, cause);
        long start = table.page(from).offset();
        PageRef last = table.page(to - 1);
        int length = Math.toIntExact(last.offset() + last.length() - start);
        List<Page> pages =
                reader.read(
                        new ObjectRange(run.object(), run.offset() + start, length),
                        cause,
                        bytes -> decode(run, table, from, to, bytes));
        metrics.loaded(cause, to - from, length);
        return pages;
    }

    private static List<Page> decode(Run run, PageTable table, int from, int to, byte[] bytes) {
        long start = table.page(from).offset();
        List<Page> decoded = new ArrayList<>(to - from);
        for (int i = from; i < to; i++) {
            PageRef ref = table.page(i);
            int at = Math.toIntExact(ref.offset() - start);
            decoded.add(Page.decode(bytes, at, ref, run.where(ref)));
        }
        return decoded;
    }

    private <T> T pending(int count, Supplier<T> work) {
        metrics.pendingPages().add(count);
        try {
            return work.get();
        } finally {
            metrics.pendingPages().add(-count);
        }
    }
}
