package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;

/** Ownership, errors, and the region that a finished run becomes. */
class RunWriterTest {

    private static final RunFormat FORMAT = RunFormat.ofPages(1000);
    private static final byte[] VALUE = {7};

    @TempDir Path directory;
    private Path file;

    @BeforeAll
    static void loadRocksDb() {
        RocksDB.loadLibrary();
    }

    @BeforeEach
    void nameFile() {
        file = directory.resolve("run");
    }

    @Test
    void unfinishedWriterDeletesItsFile() {
        try (RunWriter writer = new RunWriter(file, FORMAT)) {
            writer.put(new byte[] {1}, VALUE);
            assertThat(file).exists();
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void finishedFileLivesUntilTheRunIsClosed() {
        WrittenRun run;
        try (RunWriter writer = new RunWriter(file, FORMAT)) {
            writer.put(new byte[] {1}, VALUE);
            run = writer.finish();
        }
        assertThat(file).exists();
        run.close();
        assertThat(file).doesNotExist();
    }

    @Test
    void keysMustStrictlyIncrease() {
        try (RunWriter writer = new RunWriter(file, FORMAT)) {
            writer.put(new byte[] {(byte) 0x80}, VALUE);

            assertThat(failure(() -> writer.put(new byte[] {(byte) 0x80}, VALUE)).kind())
                    .isEqualTo(Kind.INTERNAL);
            assertThat(failure(() -> writer.remove(new byte[] {0x7f})).kind())
                    .isEqualTo(Kind.INTERNAL);
            assertThat(writer.rows()).isEqualTo(1);
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void runWithoutRowsIsOurBug() {
        try (RunWriter writer = new RunWriter(file, FORMAT)) {
            assertThat(failure(writer::finish).kind()).isEqualTo(Kind.INTERNAL);
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void finishedOrClosedWriterRefusesRows() {
        RunWriter finished = new RunWriter(file, FORMAT);
        finished.put(new byte[] {1}, VALUE);
        finished.finish().close();
        RunWriter closed = new RunWriter(file, FORMAT);
        closed.close();
        closed.close();

        assertThatIllegalStateException().isThrownBy(() -> finished.put(new byte[] {2}, VALUE));
        assertThatIllegalStateException().isThrownBy(() -> finished.remove(new byte[] {2}));
        assertThatIllegalStateException().isThrownBy(finished::finish);
        assertThatIllegalStateException().isThrownBy(() -> closed.put(new byte[] {2}, VALUE));
    }

    @Test
    void missingDirectoryIsUnavailable() {
        Path nowhere = directory.resolve("missing").resolve("run");

        LazyStateException e = failure(() -> new RunWriter(nowhere, FORMAT));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining(nowhere.toString());
    }

    @Test
    void argumentsMayBeUsedAgain() throws IOException {
        byte[] key = new byte[1];
        byte[] value = new byte[1];
        try (RunWriter writer = new RunWriter(file, FORMAT)) {
            for (int i = 0; i < 100; i++) {
                key[0] = (byte) i;
                value[0] = (byte) (i + 1);
                writer.put(key, value);
            }
            try (WrittenRun run = writer.finish()) {
                assertThat(run.meta().firstKey()).containsExactly(0);
                assertThat(run.meta().lastKey()).containsExactly(99);
                Page first = new LocalRun(file, run.pageTable()).fetch(0);
                assertThat(first.find(new byte[] {5}).value()).containsExactly(6);
            }
        }
    }

    @Test
    void regionIsTableThenPageTableThenFilter() throws IOException {
        Rows.Model model = Rows.random(new Random(5), 2000, 100);
        try (WrittenRun written = write(model)) {
            byte[] object = objectWithRunAt(3, written);
            StoredObject stored =
                    new StoredObject(
                            "shared-41", object.length, new ByteStreamStateHandle("h", object));
            Run run = new Run(stored, 3, written.meta(), null);
            assertThat(run.pageTable()).isNull();
            assertThat(run.filter()).isNull();

            RunMeta meta = run.meta();
            run.installPageTable(
                    slice(object, run.pageTableOffset(), meta.pageTableBytes()), Where.NOWHERE);
            run.installFilter(slice(object, run.filterOffset(), meta.filterBytes()), Where.NOWHERE);

            assertThat(run.filterOffset() + meta.filterBytes()).isEqualTo(object.length);
            assertThat(run.filter().mightContain(model.firstKey())).isTrue();
            assertThat(Crc32c.of(slice(object, 3, (int) meta.tableBytes())))
                    .isEqualTo(meta.tableCrc32c());
            PageRef last = run.pageTable().page(run.pageTable().pages() - 1);
            Where where = run.where(last);
            assertThat(where)
                    .isEqualTo(
                            Where.object("shared-41 (inlined into the checkpoint's _metadata)")
                                    .withRange(3 + last.offset(), last.length()));
            Page page = Page.decode(object, (int) where.offset(), last, where);
            assertThat(page.find(model.lastKey())).isNotNull();
        }
    }

    @Test
    void runInTheStoreKnowsItsPageTable() throws IOException {
        try (WrittenRun written = write(Rows.random(new Random(5), 100, 100))) {
            StoredObject stored =
                    new StoredObject("o", 1000, new ByteStreamStateHandle("h", new byte[0]));

            Run run = written.at(stored, 17);

            assertThat(run.pageTable()).isSameAs(written.pageTable());
            assertThat(run.filter()).as("does not stay on the heap").isNull();
            assertThat(run.offset()).isEqualTo(17);
            assertThat(run).hasToString("o@17");
        }
    }

    @Test
    void damagedPageTableOrFilterIsCorrupt() throws IOException {
        try (WrittenRun written = write(Rows.random(new Random(5), 2000, 100))) {
            Run run =
                    new Run(
                            new StoredObject("o", 9, new ByteStreamStateHandle("h", new byte[0])),
                            0,
                            written.meta(),
                            null);
            Where where = Where.object("o").withRange(1, 2);
            byte[] pageTable = written.pageTable().toBytes();
            byte[] filter = written.filter().toBytes().clone();
            byte[] cut = Arrays.copyOf(pageTable, pageTable.length - 1);
            pageTable[pageTable.length / 2] ^= 4;
            filter[filter.length / 2] ^= 4;

            assertCorrupt(failure(() -> run.installPageTable(pageTable, where)), where);
            assertCorrupt(failure(() -> run.installPageTable(cut, where)), where);
            assertCorrupt(failure(() -> run.installFilter(filter, where)), where);
            assertThat(run.pageTable()).isNull();
            assertThat(run.filter()).isNull();
        }
    }

    @Test
    void anErrorNamesTheLocalFileOnlyIfItIsTheLocalFileThatFailed() throws IOException {
        try (WrittenRun written = write(Rows.random(new Random(5), 10, 100))) {
            OutputStream broken =
                    new OutputStream() {
                        @Override
                        public void write(int b) throws IOException {
                            throw new IOException("503");
                        }
                    };

            LazyStateException store = failure(() -> written.writeTo(broken));
            assertThat(store.kind()).isEqualTo(Kind.UNAVAILABLE);
            assertThat(store.where()).isEqualTo(Where.NOWHERE);
            assertThat(store).hasMessageContainingAll("write", "checkpoint store", "503");
            assertThat(file).exists();

            Files.delete(file);
            LazyStateException local =
                    failure(() -> written.writeTo(OutputStream.nullOutputStream()));
            assertThat(local.kind()).isEqualTo(Kind.UNAVAILABLE);
            assertThat(local.where()).isEqualTo(Where.object(file.toString()));
            assertThat(local).hasMessageContaining("local run file");
        }
    }

    private WrittenRun write(Rows.Model model) {
        try (RunWriter writer = new RunWriter(file, FORMAT)) {
            Rows.write(model, writer);
            return writer.finish();
        }
    }

    private static byte[] objectWithRunAt(int offset, WrittenRun run) throws IOException {
        try (ByteArrayOutputStream out = new ByteArrayOutputStream()) {
            out.write(new byte[offset]);
            run.writeTo(out);
            assertThat(out.size()).isEqualTo((int) (offset + run.regionBytes()));
            return out.toByteArray();
        }
    }

    private static byte[] slice(byte[] bytes, long offset, int length) {
        return Arrays.copyOfRange(bytes, (int) offset, (int) offset + length);
    }

    private static void assertCorrupt(LazyStateException e, Where where) {
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where()).isEqualTo(where);
    }

    private static LazyStateException failure(Runnable action) {
        LazyStateException e = catchThrowableOfType(LazyStateException.class, action::run);
        assertThat(e).isNotNull();
        return e;
    }
}
