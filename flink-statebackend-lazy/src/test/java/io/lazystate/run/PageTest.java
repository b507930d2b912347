package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.Rows.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.ChecksumType;
import org.rocksdb.CompressionType;
import org.rocksdb.EnvOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.SstFileWriter;

/** One page: what is verified, and how its cursor behaves. */
class PageTest {

    private static final Where WHERE = Where.object("shared/41").withRange(4096, 4096);

    private static final long SEED = Rows.seed(PageTest.class);

    @TempDir Path directory;

    private final Model model = Rows.random(new Random(11), 600, 100);

    @BeforeAll
    static void loadRocksDb() {
        RocksDB.loadLibrary();
    }

    @Test
    void eachFlippedBitIsCorrupt() throws IOException {
        LocalRun run = write(RunFormat.ofPages(4096));
        PageRef ref = run.pageTable.page(1);
        byte[] stored = run.stored(1);
        Page.decode(stored, 0, ref, WHERE);
        for (int bit = 0; bit < stored.length * 8; bit++) {
            stored[bit / 8] ^= (byte) (1 << bit % 8);
            assertCorrupt(stored, ref);
            stored[bit / 8] ^= (byte) (1 << bit % 8);
        }
    }

    /** Even if the page's own checksum were computed over damaged bytes. */
    @Test
    void eachFlippedBitFailsTheChecksumOfItsBlock() throws IOException {
        LocalRun run = write(new RunFormat(4096, 512));
        PageRef ref = run.pageTable.page(1);
        byte[] stored = run.stored(1);
        for (int bit = 0; bit < stored.length * 8; bit += 3) {
            stored[bit / 8] ^= (byte) (1 << bit % 8);
            assertCorrupt(stored, withCrcOf(stored, ref));
            stored[bit / 8] ^= (byte) (1 << bit % 8);
        }
    }

    /** Even if both checksums were computed over damaged bytes: an error, never a wild read. */
    @Test
    void malformedBlocksAreCorruptOrReadable() throws IOException {
        Random random = new Random(SEED);
        LocalRun run = write(RunFormat.ofPages(4096));
        PageRef ref = run.pageTable.page(1);
        int rejected = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] stored = run.stored(1);
            int position = random.nextInt(stored.length - 5);
            stored[position] = (byte) random.nextInt(256);
            StoredBlocks.sign(stored);
            try {
                PageCursor cursor = Page.decode(stored, 0, withCrcOf(stored, ref), WHERE).cursor();
                for (cursor.seekToFirst(); cursor.valid(); cursor.next()) {
                    cursor.key();
                }
                cursor.seek(model.lastKey());
            } catch (LazyStateException e) {
                assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
                assertThat(e.where()).isEqualTo(WHERE);
                rejected++;
            }
        }
        assertThat(rejected).isPositive();
    }

    @Test
    void otherLengthIsCorrupt() throws IOException {
        LocalRun run = write(RunFormat.ofPages(4096));
        PageRef ref = run.pageTable.page(1);
        byte[] stored = run.stored(1);

        for (int length = 0; length < stored.length; length += 7) {
            assertCorrupt(Arrays.copyOf(stored, length), ref);
        }
        assertCorrupt(run.stored(0), ref);
    }

    @Test
    void blockLengthsThatDoNotFitAreCorrupt() throws IOException {
        LocalRun run = write(RunFormat.ofPages(4096));
        PageRef ref = run.pageTable.page(1);
        byte[] stored = run.stored(1);

        for (int[] lengths :
                new int[][] {
                    {}, {4}, {stored.length - 1}, {stored.length, 5}, {stored.length + 1}
                }) {
            PageRef wrong =
                    new PageRef(ref.firstKey(), ref.offset(), ref.length(), ref.crc32c(), lengths);
            assertCorrupt(stored, wrong);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = CompressionType.class,
            names = {"NO_COMPRESSION", "LZ4_COMPRESSION", "LZ4HC_COMPRESSION"})
    void readsTheseCompressions(CompressionType compression) throws Exception {
        LocalRun run = writeTable(compression);

        RunCursor cursor = run.cursor();
        cursor.seekToFirst();
        for (Map.Entry<byte[], byte[]> row : model.entrySet()) {
            assertThat(cursor.key()).isEqualTo(row.getKey());
            assertThat(cursor.isRemoval()).isEqualTo(row.getValue() == null);
            cursor.next();
        }
        assertThat(cursor.valid()).isFalse();
    }

    @Test
    void otherCompressionIsIncompatible() throws IOException {
        LocalRun run = write(RunFormat.ofPages(4096));
        byte[] stored = run.stored(1);
        stored[stored.length - 5] = 1; // Snappy
        StoredBlocks.sign(stored);
        PageRef ref = withCrcOf(stored, run.pageTable.page(1));

        LazyStateException e =
                catchThrowableOfType(
                        LazyStateException.class, () -> Page.decode(stored, 0, ref, WHERE));

        assertThat(e.kind()).isEqualTo(Kind.INCOMPATIBLE);
    }

    @Test
    void cursorStandsNowhereUntilItSeeks() throws IOException {
        PageCursor cursor = write(RunFormat.ofPages(4096)).fetch(0).cursor();

        assertThat(cursor.valid()).isFalse();
        assertThatIllegalStateException().isThrownBy(cursor::next);
        assertThatIllegalStateException().isThrownBy(cursor::key);
        assertThatIllegalStateException().isThrownBy(cursor::isRemoval);
        assertThatIllegalStateException().isThrownBy(cursor::value);
    }

    @Test
    void removalHasNoValue() throws IOException {
        PageCursor cursor = write(RunFormat.ofPages(4096)).fetch(0).cursor();
        cursor.seekToFirst();
        while (!cursor.isRemoval()) {
            cursor.next();
        }

        assertThatIllegalStateException().isThrownBy(cursor::value);
    }

    @Test
    void standingOnThePageBehindCostsItOnlyWhenItsValueIsRead() throws IOException {
        LocalRun run = write(RunFormat.ofPages(4096));
        byte[] inPage2 = run.pageTable.page(2).firstKey();
        RunCursor cursor = run.cursor();

        cursor.seek(inPage2);
        assertThat(run.fetched).containsExactly(2);

        byte[] behindLastRowOfPage2 = model.lowerKey(run.pageTable.page(3).firstKey());
        cursor.seek(Arrays.copyOf(behindLastRowOfPage2, behindLastRowOfPage2.length + 1));
        assertThat(cursor.key()).isEqualTo(run.pageTable.page(3).firstKey());
        assertThat(run.fetched).containsExactly(2);

        assertThat(cursor.isRemoval()).isEqualTo(model.get(cursor.key()) == null);
        assertThat(run.fetched).containsExactly(2, 3);
    }

    private LocalRun write(RunFormat format) throws IOException {
        Path file = directory.resolve("run");
        try (RunWriter writer = new RunWriter(file, format)) {
            Rows.write(model, writer);
            try (WrittenRun run = writer.finish()) {
                return new LocalRun(file, run.pageTable());
            }
        }
    }

    /** A table as another writer would compress it. */
    private LocalRun writeTable(CompressionType compression) throws IOException, RocksDBException {
        Path file = directory.resolve("table");
        BlockBasedTableConfig table =
                new BlockBasedTableConfig()
                        .setFormatVersion(3)
                        .setChecksumType(ChecksumType.kxxHash64)
                        .setBlockSize(1000);
        try (Options options =
                        new Options().setCompressionType(compression).setTableFormatConfig(table);
                EnvOptions envOptions = new EnvOptions();
                SstFileWriter writer = new SstFileWriter(envOptions, options)) {
            writer.open(file.toString());
            for (Map.Entry<byte[], byte[]> row : model.entrySet()) {
                if (row.getValue() == null) {
                    writer.delete(row.getKey());
                } else {
                    writer.put(row.getKey(), row.getValue());
                }
            }
            writer.finish();
        }
        LocalRun run = new LocalRun(file, TableCut.of(file, new RunFormat(4096, 1000)).pageTable());
        Files.delete(file);
        return run;
    }

    private static PageRef withCrcOf(byte[] stored, PageRef ref) {
        return new PageRef(
                ref.firstKey(), ref.offset(), ref.length(), Crc32c.of(stored), ref.blockLengths());
    }

    private static void assertCorrupt(byte[] stored, PageRef ref) {
        LazyStateException e =
                catchThrowableOfType(
                        LazyStateException.class, () -> Page.decode(stored, 0, ref, WHERE));
        assertThat(e).isNotNull();
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where()).isEqualTo(WHERE);
    }
}
