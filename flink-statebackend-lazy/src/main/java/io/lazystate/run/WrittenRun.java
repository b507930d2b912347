package io.lazystate.run;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.annotation.Internal;

/**
 * A finished local run: a RocksDB table in a file, page table and filter on the heap.
 *
 * <p>Threads: any, until closed. Ownership: closing deletes the file.
 */
@Internal
public final class WrittenRun implements AutoCloseable {

    private static final int PIECE_BYTES = 1 << 16;

    private final Path file;
    private final RunMeta meta;
    private final PageTable pageTable;
    private final KeyFilter filter;

    private WrittenRun(Path file, RunMeta meta, PageTable pageTable, KeyFilter filter) {
        this.file = file;
        this.meta = meta;
        this.pageTable = pageTable;
        this.filter = filter;
    }

    static WrittenRun of(
            Path file, TableCut cut, KeyFilter filter, long rows, byte[] firstKey, byte[] lastKey) {
        byte[] pageTableBytes = cut.pageTable().toBytes();
        byte[] filterBytes = filter.toBytes();
        RunMeta meta =
                new RunMeta(
                        cut.tableBytes(),
                        cut.tableCrc32c(),
                        rows,
                        firstKey,
                        lastKey,
                        cut.pageTable().pages(),
                        pageTableBytes.length,
                        Crc32c.of(pageTableBytes),
                        filterBytes.length,
                        Crc32c.of(filterBytes));
        return new WrittenRun(file, meta, cut.pageTable(), filter);
    }

    /** The table alone, ready to be ingested. */
    public Path file() {
        return file;
    }

    public RunMeta meta() {
        return meta;
    }

    public PageTable pageTable() {
        return pageTable;
    }

    public KeyFilter filter() {
        return filter;
    }

    /** Bytes that {@link #writeTo} writes. */
    public long regionBytes() {
        return meta.regionBytes();
    }

    /**
     * Writes the whole region: table, page table, filter. Leaves the stream open.
     *
     * @throws LazyStateException UNAVAILABLE; names the local file only if it is that which failed
     */
    public void writeTo(OutputStream out) {
        boolean ofTheFile = true;
        try (InputStream in = Files.newInputStream(file)) {
            byte[] piece = new byte[PIECE_BYTES];
            for (int read = in.read(piece); read >= 0; read = in.read(piece)) {
                ofTheFile = false;
                out.write(piece, 0, read);
                ofTheFile = true;
            }
            ofTheFile = false;
            out.write(pageTable.toBytes());
            out.write(filter.toBytes());
        } catch (IOException e) {
            throw ofTheFile
                    ? new LazyStateException(
                            Kind.UNAVAILABLE,
                            Where.object(file.toString()),
                            "cannot read a local run file: " + e + "; check the local disk",
                            e)
                    : new LazyStateException(
                            Kind.UNAVAILABLE,
                            Where.NOWHERE,
                            "cannot write a run to the checkpoint store: "
                                    + e
                                    + "; check the store",
                            e);
        }
    }

    /**
     * The run as it lies in the store after {@link #writeTo}, with its page table, which the next
     * manifest may inline; the filter, a byte and more a key, does not stay on the heap: a run that
     * is written is usually resident.
     */
    public Run at(StoredObject object, long offset) {
        return new Run(object, offset, meta, pageTable);
    }

    /** Deletes the file. */
    @Override
    public void close() {
        deleteQuietly(file);
    }

    static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // It lies in a directory that is deleted as a whole with the task; nothing depends on
            // it.
        }
    }
}
