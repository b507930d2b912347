package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import io.lazystate.run.Lookup;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.FlushOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteOptions;

/** Generations that come and go, as with each of many checkpoints. */
class OverlayGenerationsTest {
    private static final int ROWS = 200;
    private static final int CHECKPOINTS = 60;

    @TempDir Path directory;

    private final Options options = new Options().setCreateIfMissing(true);
    private final WriteOptions writeOptions = new WriteOptions().setDisableWAL(true);
    private final ColumnFamilyOptions familyOptions = new ColumnFamilyOptions();
    private RocksDB db;
    private Overlay overlay;
    private PagedState state;

    @BeforeEach
    void open() throws RocksDBException {
        RocksDB.loadLibrary();
        db = RocksDB.open(options, directory.toString());
        overlay = new Overlay(db, familyOptions, writeOptions);
        overlay.generations().setGenerationBytes(1);
        state =
                new PagedState(
                        1,
                        "state",
                        mock(ColumnFamilyHandle.class),
                        new ChangeLog(directory.resolve("changes"), 1 << 10));
    }

    @AfterEach
    void close() {
        overlay.generations().close();
        db.close();
        familyOptions.close();
        writeOptions.close();
        options.close();
    }

    @Test
    void whatIsGivenBackIsGoneAndWhatIsWrittenSinceIsNot() throws RocksDBException {
        for (int checkpoint = 1; checkpoint <= CHECKPOINTS; checkpoint++) {
            write(checkpoint);
            overlay.generations().rotate(checkpoint);
            write(checkpoint + 1_000);
            giveBack(checkpoint);
            for (int row = 0; row < ROWS; row++) {
                assertThat(overlay.get(state, key(checkpoint, row), null)).isNull();
                Lookup since = overlay.get(state, key(checkpoint + 1_000, row), null);
                assertThat(since).isNotNull();
                assertThat(since.value()).isEqualTo(value(checkpoint + 1_000));
            }
            overlay.generations().reclaim();
        }
    }

    @Test
    void columnFamiliesAreUsedAgainAndEmptyBefore() throws Exception {
        for (int checkpoint = 1; checkpoint <= CHECKPOINTS; checkpoint++) {
            write(checkpoint);
            overlay.generations().rotate(checkpoint);
            giveBack(checkpoint);
            overlay.generations().reclaim();
        }
        assertThat(RocksDB.listColumnFamilies(options, directory.toString()))
                .hasSizeLessThanOrEqualTo(1 + 2 * OverlayGenerations.MOST);
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.filter(file -> file.toString().endsWith(".sst")))
                    .as("tables of what was given back")
                    .isEmpty();
        }
    }

    @Test
    void withoutAnEmptyOneTheLastGenerationGoesOn() throws RocksDBException {
        for (int checkpoint = 1; checkpoint <= CHECKPOINTS; checkpoint++) {
            write(checkpoint);
            overlay.generations().rotate(checkpoint);
            giveBack(checkpoint);
        }
        assertThat(overlay.get(state, key(CHECKPOINTS, 0), null)).isNotNull();
        overlay.generations().reclaim();
        overlay.generations().rotate(CHECKPOINTS + 1);
        assertThat(overlay.generations().canDropOldest(CHECKPOINTS + 1)).isTrue();
    }

    @Test
    void generationEndsAlsoWhileRocksDbHoldsUpItsWriters() throws RocksDBException {
        write(1);
        db.pauseBackgroundWork();
        try {
            fillMemoryTables();
            overlay.generations().rotate(1);
        } finally {
            db.continueBackgroundWork();
        }
        assertThat(overlay.generations().canDropOldest(1)).isTrue();
        assertThat(overlay.get(state, key(1, 0), null)).isNotNull();
    }

    /** Until none more may wait to be written, so that a writer would have to. */
    private void fillMemoryTables() throws RocksDBException {
        try (FlushOptions flush =
                new FlushOptions().setWaitForFlush(false).setAllowWriteStall(true)) {
            while (db.getLongProperty("rocksdb.is-write-stopped") == 0) {
                db.put(writeOptions, key(0, 0), value(0));
                db.flush(flush);
            }
        }
    }

    private void giveBack(int checkpoint) throws RocksDBException {
        while (overlay.generations().canDropOldest(checkpoint)) {
            assertThat(overlay.generations().dropOldest()).isTrue();
        }
    }

    private void write(int version) throws RocksDBException {
        for (int row = 0; row < ROWS; row++) {
            overlay.put(state, writeOptions, key(version, row), value(version));
        }
    }

    private static byte[] key(int version, int row) {
        return ByteBuffer.allocate(8).putInt(version).putInt(row).array();
    }

    private static byte[] value(int version) {
        return ("version " + version).getBytes(StandardCharsets.US_ASCII);
    }
}
