package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.run.Rows.Model;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.IngestExternalFileOptions;
import org.rocksdb.LiveFileMetaData;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.SstFileReader;
import org.rocksdb.SstFileReaderIterator;
import org.rocksdb.TableProperties;

/** Run files are ordinary tables to RocksDB: it opens, verifies and ingests them. */
class RocksDbReadsRunsTest {

    private static final long SEED = Rows.seed(RocksDbReadsRunsTest.class);

    @TempDir Path directory;

    private final Random random = new Random(SEED);

    @BeforeAll
    static void loadRocksDb() {
        RocksDB.loadLibrary();
    }

    @ParameterizedTest(name = "pages of {0} bytes")
    @ValueSource(ints = {1, 1000, 262_144})
    void tableReaderSeesThePuts(int pageBytes) throws RocksDBException {
        Model model = Rows.random(random, 2000, 300);
        try (WrittenRun run = write("run", model, pageBytes);
                Options options = new Options();
                ReadOptions readOptions = new ReadOptions();
                SstFileReader reader = new SstFileReader(options)) {
            reader.open(run.file().toString());
            reader.verifyChecksum();
            try (SstFileReaderIterator rows = reader.newIterator(readOptions)) {
                // The reader hides removals.
                rows.seekToFirst();
                for (Map.Entry<byte[], byte[]> row : model.entrySet()) {
                    if (row.getValue() != null) {
                        assertThat(rows.isValid()).isTrue();
                        assertThat(rows.key()).isEqualTo(row.getKey());
                        assertThat(rows.value()).isEqualTo(row.getValue());
                        rows.next();
                    }
                }
                assertThat(rows.isValid()).isFalse();
                rows.status();
            }
        }
    }

    @Test
    void tableHasTheStatedProperties() throws RocksDBException {
        Model model = Rows.random(random, 2000, 300);
        long removals = model.values().stream().filter(value -> value == null).count();
        try (WrittenRun run = write("run", model, 4096);
                Options options = new Options();
                SstFileReader reader = new SstFileReader(options)) {
            reader.open(run.file().toString());
            TableProperties properties = reader.getTableProperties();

            assertThat(properties.getNumEntries()).isEqualTo(2000);
            assertThat(properties.getNumDeletions()).isEqualTo(removals);
            assertThat(properties.getCompressionName()).isEqualTo("LZ4");
            assertThat(properties.getFormatVersion()).isZero(); // Of keys, not of the table.
            assertThat(properties.getIndexKeyIsUserKey()).isEqualTo(1);
            assertThat(properties.getIndexValueIsDeltaEncoded()).isZero();
            assertThat(properties.getFilterPolicyName()).isNullOrEmpty();
            assertThat(properties.getNumDataBlocks()).isEqualTo(run.meta().pageCount());
            assertThat(properties.getUserCollectedProperties())
                    .containsKey("rocksdb.external_sst_file.version");
        }
    }

    @Test
    void linkedRunLandsAtTheBottomWithSequenceNumberZero() throws RocksDBException {
        Model model = puts(Rows.random(random, 3000, 300));
        try (WrittenRun run = write("run", model, 16_384);
                Options options = new Options().setCreateIfMissing(true);
                RocksDB db = RocksDB.open(options, directory.resolve("db").toString())) {
            link(db, run);

            List<LiveFileMetaData> files = db.getLiveFilesMetaData();
            assertThat(files).hasSize(1);
            assertThat(files.get(0).level()).isEqualTo(6);
            assertThat(files.get(0).largestSeqno()).isZero();
            assertRows(db, model);
        }
    }

    @Test
    void deltaLinkedOverItsBaseReplacesAndRemoves() throws RocksDBException {
        Model base = puts(Rows.random(random, 3000, 200));
        Model delta = Rows.random(random, 500, 200);
        base.keySet().stream()
                .limit(1000)
                .filter(key -> random.nextBoolean())
                .forEach(key -> delta.put(key, random.nextBoolean() ? null : new byte[] {1}));
        try (WrittenRun baseRun = write("base", base, 16_384);
                WrittenRun deltaRun = write("delta", delta, 16_384);
                Options options = new Options().setCreateIfMissing(true);
                RocksDB db = RocksDB.open(options, directory.resolve("db").toString())) {
            link(db, baseRun);
            link(db, deltaRun);

            Model expected = new Model();
            expected.putAll(base);
            expected.putAll(delta);
            assertRows(db, puts(expected));
        }
    }

    private WrittenRun write(String name, Model model, int pageBytes) {
        Path file = directory.resolve(name);
        try (RunWriter writer = new RunWriter(file, RunFormat.ofPages(pageBytes))) {
            Rows.write(model, writer);
            return writer.finish();
        }
    }

    private static Model puts(Model model) {
        Model puts = new Model();
        puts.putAll(model);
        puts.values().removeIf(value -> value == null);
        return puts;
    }

    private static void link(RocksDB db, WrittenRun run) throws RocksDBException {
        try (IngestExternalFileOptions options = new IngestExternalFileOptions()) {
            db.ingestExternalFile(List.of(run.file().toString()), options);
        }
    }

    private static void assertRows(RocksDB db, Model expected) throws RocksDBException {
        try (RocksIterator rows = db.newIterator()) {
            rows.seekToFirst();
            for (Map.Entry<byte[], byte[]> row : expected.entrySet()) {
                assertThat(rows.isValid()).isTrue();
                assertThat(rows.key()).isEqualTo(row.getKey());
                assertThat(rows.value()).isEqualTo(row.getValue());
                rows.next();
            }
            assertThat(rows.isValid()).isFalse();
            rows.status();
        }
    }
}
