package io.lazystate.snapshot;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.loading.PageLoader;
import io.lazystate.metrics.LoadCause;
import io.lazystate.run.Crc32c;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.run.RunMeta;
import io.lazystate.store.Check;
import io.lazystate.store.Crc32cParts;
import java.io.IOException;
import java.io.OutputStream;
import org.apache.flink.core.fs.ICloseableRegistry;

/**
 * Copies runs from the store as they are, in pieces, and verifies each before it is handed on: a
 * copy must not hand damage on (I8).
 */
final class RunCopier {
    private static final int PIECE_BYTES = 4 << 20;

    private final PageLoader loader;
    private final ICloseableRegistry cancel;

    RunCopier(PageLoader loader, ICloseableRegistry cancel) {
        this.loader = loader;
        this.cancel = cancel;
    }

    /**
     * Copies the whole region of a run: table, page table, filter.
     *
     * @throws LazyStateException CORRUPT if what was read fails its checksums
     */
    void copy(Run run, OutputStream out) throws IOException {
        RunMeta meta = run.meta();
        long tableEnd = run.pageTableOffset();
        byte[] pageTable = read(run, tableEnd, meta.pageTableBytes(), meta.pageTableCrc32c());
        if (run.pageTable() == null) {
            run.installPageTable(pageTable, run.object().where(tableEnd, pageTable.length));
        }
        copyTable(run, out);
        out.write(pageTable);
        out.write(read(run, run.filterOffset(), meta.filterBytes(), meta.filterCrc32c()));
    }

    private byte[] read(Run run, long offset, int length, int crc32c) throws IOException {
        return read(
                run,
                offset,
                length,
                bytes -> {
                    if (Crc32c.of(bytes) != crc32c) {
                        throw failed(run, offset, length);
                    }
                    return bytes;
                });
    }

    /** Pages by their own checksums; what lies behind the last one by that of the whole table. */
    private void copyTable(Run run, OutputStream out) throws IOException {
        PageTable pages = loader.indexes().pageTable(run, LoadCause.SNAPSHOT);
        int crcBefore = 0;
        for (int from = 0; from < pages.pages(); ) {
            int first = from;
            int end = endOfPiece(pages, from);
            int before = crcBefore;
            long start = pages.page(first).offset();
            boolean last = end == pages.pages();
            long pieceEnd = last ? run.meta().tableBytes() : pages.page(end).offset();
            int length = Math.toIntExact(pieceEnd - start);
            byte[] piece =
                    read(
                            run,
                            run.offset() + start,
                            length,
                            bytes -> {
                                boolean sound = areSound(pages, first, end, bytes);
                                int crc = combined(before, bytes);
                                if (!sound || (last && crc != run.meta().tableCrc32c())) {
                                    throw failed(run, run.offset() + start, length);
                                }
                                return bytes;
                            });
            crcBefore = combined(before, piece);
            out.write(piece);
            from = end;
        }
    }

    private static int combined(int before, byte[] bytes) {
        return Crc32cParts.combine(before, Crc32c.of(bytes), bytes.length);
    }

    private static boolean areSound(PageTable pages, int from, int end, byte[] bytes) {
        long start = pages.page(from).offset();
        for (int i = from; i < end; i++) {
            PageRef page = pages.page(i);
            int at = Math.toIntExact(page.offset() - start);
            if (Crc32c.of(bytes, at, page.length()) != page.crc32c()) {
                return false;
            }
        }
        return true;
    }

    private static int endOfPiece(PageTable pages, int from) {
        long most = pages.page(from).offset() + PIECE_BYTES;
        int end = from + 1;
        while (end < pages.pages() && pages.page(end).endOffset() <= most) {
            end++;
        }
        return end;
    }

    private byte[] read(Run run, long offset, int length, Check<byte[]> check) throws IOException {
        if (cancel.isClosed()) {
            throw new IOException("The checkpoint was cancelled while a run was copied");
        }
        return loader.reads().bytes(run, offset, length, LoadCause.SNAPSHOT, check);
    }

    private static LazyStateException failed(Run run, long offset, int length) {
        return new LazyStateException(
                Kind.CORRUPT,
                run.object().where(offset, length),
                "A run failed its checksum while it was copied into a new checkpoint; restore"
                        + " from a backup copy, or from an older checkpoint",
                null);
    }
}
