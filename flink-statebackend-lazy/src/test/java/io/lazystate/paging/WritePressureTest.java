package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.flink.util.ResourceGuard;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.EnvOptions;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.SstFileWriter;

/** What RocksDB says of its writers. */
class WritePressureTest {
    private static final int FILES_THAT_DELAY = 3;
    private static final int FILES_THAT_STOP = 5;

    @TempDir Path directory;

    private final ResourceGuard guard = new ResourceGuard();
    private Options options;
    private RocksDB db;
    private WritePressure pressure;
    private int ingested;

    @BeforeEach
    void open() throws RocksDBException {
        RocksDB.loadLibrary();
        options =
                new Options()
                        .setCreateIfMissing(true)
                        .setNumLevels(2)
                        .setLevel0FileNumCompactionTrigger(2)
                        .setLevel0SlowdownWritesTrigger(FILES_THAT_DELAY)
                        .setLevel0StopWritesTrigger(FILES_THAT_STOP);
        db = RocksDB.open(options, directory.resolve("db").toString());
        pressure = new WritePressure(db, guard);
    }

    @AfterEach
    void close() {
        db.close();
        options.close();
    }

    @Test
    void writersThatAreDelayedOrStoppedAreAPressure() throws RocksDBException {
        db.pauseBackgroundWork();
        ingest(1); // into the bottom level, and what comes over it into level 0
        ingest(FILES_THAT_DELAY - 1);
        assertThat(pressure.reason()).isNull();
        ingest(1);
        assertThat(pressure.reason()).isEqualTo("RocksDB delays its writers");
        ingest(FILES_THAT_STOP - FILES_THAT_DELAY);
        assertThat(pressure.reason()).isEqualTo("RocksDB has stopped its writers");

        db.continueBackgroundWork();
        db.compactRange();
        assertThat(pressure.reason()).isNull();
    }

    @Test
    void aBackendThatClosesIsUnderNone() {
        guard.close();

        assertThat(pressure.reason()).isNull();
    }

    private void ingest(int files) throws RocksDBException {
        for (int i = 0; i < files; i++) {
            String file = directory.resolve("file" + ++ingested + ".sst").toString();
            try (EnvOptions env = new EnvOptions();
                    SstFileWriter writer = new SstFileWriter(env, options);
                    IngestExternalFileOptions how = new IngestExternalFileOptions()) {
                writer.open(file);
                writer.put(new byte[] {1}, new byte[] {(byte) ingested});
                writer.put(new byte[] {9}, new byte[] {(byte) ingested});
                writer.finish();
                db.ingestExternalFile(List.of(file), how);
            }
        }
    }
}
