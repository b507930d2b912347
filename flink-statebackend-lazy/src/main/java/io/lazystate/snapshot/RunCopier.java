package io.lazystate.snapshot;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.run.Run;
import io.lazystate.store.RangedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.util.zip.CRC32C;
import org.apache.flink.core.fs.ICloseableRegistry;

/**
 * Copies runs from the store as they are, in pieces, and verifies them on the way: a copy must not
 * hand damage on (I8).
 */
final class RunCopier {
    private static final int PIECE_BYTES = 4 << 20;

    private final RangedReader reader;
    private final ICloseableRegistry cancel;

    RunCopier(RangedReader reader, ICloseableRegistry cancel) {
        this.reader = reader;
        this.cancel = cancel;
    }

    /**
     * Copies the whole region of a run: table, page table, filter.
     *
     * @throws LazyStateException CORRUPT if what was read fails its checksums
     */
    void copy(Run run, OutputStream out) throws IOException {
        copy(run, run.offset(), run.meta().tableBytes(), run.meta().tableCrc32c(), out);
        copy(
                run,
                run.pageTableOffset(),
                run.meta().pageTableBytes(),
                run.meta().pageTableCrc32c(),
                out);
        copy(run, run.filterOffset(), run.meta().filterBytes(), run.meta().filterCrc32c(), out);
    }

    private void copy(Run run, long offset, long length, int crc32c, OutputStream out)
            throws IOException {
        CRC32C crc = new CRC32C();
        for (long done = 0; done < length; ) {
            if (cancel.isClosed()) {
                throw new IOException("The checkpoint was cancelled while a run was copied");
            }
            int piece = (int) Math.min(PIECE_BYTES, length - done);
            byte[] bytes = reader.read(run.object(), offset + done, piece);
            crc.update(bytes);
            out.write(bytes);
            done += piece;
        }
        if ((int) crc.getValue() != crc32c) {
            throw new LazyStateException(
                    Kind.CORRUPT,
                    run.object().where(offset, length),
                    "A run failed its checksum while it was copied into a new checkpoint; restore"
                            + " from a backup copy, or from an older checkpoint",
                    null);
        }
    }
}
