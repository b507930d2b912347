package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.run.RowBlock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * A hot row that was written over is none: whatever becomes of the overlay's row, it stays away.
 */
class HotRowsOfOverlaidKeysTest {
    @TempDir Path directory;

    private Options options;
    private WriteOptions writeOptions;
    private RocksDB db;
    private ColumnFamilyHandle family;
    private ColumnFamilyOptions overlayOptions;
    private PagedState state;
    private Overlay overlay;

    @BeforeEach
    void open() throws RocksDBException {
        RocksDB.loadLibrary();
        options = new Options().setCreateIfMissing(true);
        writeOptions = new WriteOptions();
        db = RocksDB.open(options, directory.resolve("db").toString());
        family = family("state");
        overlayOptions = new ColumnFamilyOptions();
        state = new PagedState(1, "state", family, new ChangeLog(directory, 1 << 10));
        overlay = new Overlay(db, overlayOptions, writeOptions);
        NavigableMap<byte[], byte[]> rows = new TreeMap<>(Arrays::compareUnsigned);
        for (String key : List.of("a", "b", "c", "d", "e")) {
            rows.put(bytes(key), bytes("old"));
        }
        state.setHotRows(HotRows.NONE.with(RowBlock.of(rows)));
    }

    @AfterEach
    void close() {
        state.close();
        family.close();
        overlay.generations().close();
        db.close();
        overlayOptions.close();
        writeOptions.close();
        options.close();
    }

    @Test
    void everyWriteRemovesItsRow() throws RocksDBException {
        overlay.put(state, writeOptions, bytes("a"), bytes("new"));
        overlay.remove(state, writeOptions, bytes("b"));
        try (WriteBatch batch = new WriteBatch()) {
            overlay.put(batch, state, bytes("c"), bytes("new"));
            overlay.remove(batch, state, bytes("d"));
        }

        for (String written : List.of("a", "b", "c", "d")) {
            assertThat(state.hotRows().get(bytes(written))).as(written).isNull();
        }
        assertThat(state.hotRows().get(bytes("e"))).isEqualTo(bytes("old"));
    }

    private ColumnFamilyHandle family(String name) throws RocksDBException {
        return db.createColumnFamily(
                new ColumnFamilyDescriptor(name.getBytes(StandardCharsets.UTF_8)));
    }
}
