package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.run.Rows.Model;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rocksdb.RocksDB;

/** Random rows, written and read back: what comes out is what went in. */
class RunTest {

    private static final long SEED = Rows.seed(RunTest.class);

    @TempDir Path directory;

    private final Random random = new Random(SEED);

    @BeforeAll
    static void loadRocksDb() {
        RocksDB.loadLibrary();
    }

    @ParameterizedTest(name = "{0} rows, values up to {1} bytes, pages of {2} bytes")
    @CsvSource({
        "1, 10, 1",
        "1, 0, 262144",
        "50, 10, 1",
        "17, 0, 100",
        "3000, 200, 100",
        "3000, 2000, 4096",
        "1000, 50000, 16384",
        "1000, 50000, 65536",
        "20000, 300, 262144",
        "20, 1000000, 4096",
    })
    void everyRowComesBack(int rows, int maxValueBytes, int pageBytes) throws IOException {
        Model model = Rows.random(random, rows, maxValueBytes);
        try (WrittenRun written = write(model, RunFormat.ofPages(pageBytes))) {
            LocalRun run = new LocalRun(written.file(), written.pageTable());

            assertMeta(written, model);
            assertScan(run, model);
            assertFinds(run, model);
            assertSeeks(run, model);
        }
    }

    @Test
    void smallBlocksInLargePages() throws IOException {
        Model model = Rows.random(random, 5000, 100);
        try (WrittenRun written = write(model, new RunFormat(8192, 512))) {
            LocalRun run = new LocalRun(written.file(), written.pageTable());

            assertThat(written.pageTable().page(0).blockLengths().length).isGreaterThan(8);
            assertScan(run, model);
            assertFinds(run, model);
            assertSeeks(run, model);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "16384, 16384", "100, 4096"})
    void pagesUpToTheBlockSizeHaveOneBlock(int pageBytes, int blockBytes) throws IOException {
        Model model = Rows.random(random, 3000, 500);
        try (WrittenRun written = write(model, new RunFormat(pageBytes, blockBytes))) {
            PageTable pages = written.pageTable();
            for (int i = 0; i < pages.pages(); i++) {
                assertThat(pages.page(i).blockLengths()).hasSize(1);
            }
        }
    }

    @Test
    void pagesAreAsLargeAsAskedFor() throws IOException {
        Model model = Rows.flinkLike(random, 20_000, 100);
        try (WrittenRun written = write(model, RunFormat.ofPages(256 * 1024))) {
            LocalRun run = new LocalRun(written.file(), written.pageTable());
            for (int i = 0; i + 1 < written.pageTable().pages(); i++) {
                assertThat(run.fetch(i).sizeBytes()).isBetween(256 * 1024, 256 * 1024 + 20_000);
            }
        }
    }

    private WrittenRun write(Model model, RunFormat format) {
        try (RunWriter writer = new RunWriter(directory.resolve("run"), format)) {
            Rows.write(model, writer);
            assertThat(writer.rows()).isEqualTo(model.size());
            assertThat(writer.rawBytes()).isEqualTo(rawBytes(model));
            return writer.finish();
        }
    }

    private static long rawBytes(Model model) {
        return model.entrySet().stream()
                .mapToLong(
                        e -> e.getKey().length + (e.getValue() == null ? 0 : e.getValue().length))
                .sum();
    }

    private static void assertMeta(WrittenRun written, Model model) throws IOException {
        RunMeta meta = written.meta();
        assertThat(meta.rows()).isEqualTo(model.size());
        assertThat(meta.firstKey()).isEqualTo(model.firstKey());
        assertThat(meta.lastKey()).isEqualTo(model.lastKey());
        assertThat(meta.tableBytes()).isEqualTo(written.file().toFile().length());
        assertThat(meta.pageCount()).isEqualTo(written.pageTable().pages());
        assertThat(written.pageTable().page(0).firstKey()).isEqualTo(model.firstKey());
        for (byte[] key : model.keySet()) {
            assertThat(written.filter().mightContain(key)).isTrue();
        }
    }

    private static void assertScan(LocalRun run, Model model) {
        List<Row> rows = new ArrayList<>();
        RunCursor cursor = run.cursor();
        for (cursor.seekToFirst(); cursor.valid(); cursor.next()) {
            rows.add(new Row(cursor.key(), cursor.isRemoval() ? null : cursor.value()));
        }
        assertThat(rows).hasSameSizeAs(model.entrySet());
        int i = 0;
        for (Map.Entry<byte[], byte[]> expected : model.entrySet()) {
            assertThat(rows.get(i).key()).isEqualTo(expected.getKey());
            assertThat(rows.get(i).value()).isEqualTo(expected.getValue());
            i++;
        }
        int decodedRows = 0;
        for (int page = 0; page < run.pageTable.pages(); page++) {
            decodedRows += run.fetch(page).rows();
        }
        assertThat(decodedRows).isEqualTo(model.size());
    }

    private static void assertFinds(LocalRun run, Model model) {
        Page[] pages = new Page[run.pageTable.pages()];
        for (int i = 0; i < pages.length; i++) {
            pages[i] = run.fetch(i);
        }
        for (Map.Entry<byte[], byte[]> row : model.entrySet()) {
            Lookup found = pages[run.pageTable.pageFor(row.getKey())].find(row.getKey());
            assertThat(found).isNotNull();
            assertThat(found.isRemoval()).isEqualTo(row.getValue() == null);
            assertThat(found.value()).isEqualTo(row.getValue());
        }
        for (byte[] key : List.copyOf(model.keySet())) {
            for (byte[] other : neighbours(key)) {
                int page = run.pageTable.pageFor(other);
                if (page < 0) {
                    assertThat(Arrays.compareUnsigned(other, model.firstKey())).isNegative();
                } else if (!model.containsKey(other)) {
                    assertThat(pages[page].find(other)).isNull();
                }
            }
        }
    }

    private void assertSeeks(LocalRun run, Model model) {
        RunCursor cursor = run.cursor();
        byte[] target = {};
        for (int i = 0; i < 500; i++) {
            target = Rows.randomKey(random, target);
            Map.Entry<byte[], byte[]> expected = model.ceilingEntry(target);
            cursor.seek(target);
            // Also across what follows, which may be another page.
            for (int step = 0; step < 3; step++) {
                assertThat(cursor.valid()).isEqualTo(expected != null);
                if (expected == null) {
                    break;
                }
                assertThat(cursor.key()).isEqualTo(expected.getKey()).isSameAs(cursor.key());
                expected = model.higherEntry(expected.getKey());
                cursor.next();
            }
        }
    }

    private static List<byte[]> neighbours(byte[] key) {
        List<byte[]> neighbours = new ArrayList<>();
        byte[] longer = Arrays.copyOf(key, key.length + 1);
        neighbours.add(longer);
        if (key.length > 0) {
            neighbours.add(Arrays.copyOf(key, key.length - 1));
            byte[] next = key.clone();
            next[key.length - 1]++;
            neighbours.add(next);
        }
        return neighbours;
    }
}
