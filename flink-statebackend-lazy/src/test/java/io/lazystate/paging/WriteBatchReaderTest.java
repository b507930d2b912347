package io.lazystate.paging;

import static io.lazystate.paging.ChangeLogTest.kind;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.Kind;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Our reader against RocksDB's own {@code iterate}. */
class WriteBatchReaderTest {

    static {
        RocksDB.loadLibrary();
    }

    @TempDir Path directory;

    private final List<ColumnFamilyHandle> columnFamilies = new ArrayList<>();
    private RocksDB db;

    @BeforeEach
    void open() throws RocksDBException {
        db = RocksDB.open(directory.toString());
        for (int i = 0; i < 3; i++) {
            columnFamilies.add(
                    db.createColumnFamily(new ColumnFamilyDescriptor(new byte[] {(byte) i})));
        }
    }

    @AfterEach
    void close() {
        columnFamilies.forEach(ColumnFamilyHandle::close);
        db.close();
    }

    @Test
    void readsWhatRocksDbReads() throws RocksDBException {
        for (int seed = 0; seed < 500; seed++) {
            try (WriteBatch batch = new WriteBatch()) {
                fill(batch, new Random(seed));
                assertThat(ours(batch)).isEqualTo(theirs(batch));
            }
        }
    }

    @Test
    void readsAnEmptyBatch() throws RocksDBException {
        try (WriteBatch batch = new WriteBatch()) {
            assertThat(ours(batch)).isEmpty();
            batch.putLogData(new byte[300]);
            assertThat(ours(batch)).isEmpty();
        }
    }

    @Test
    void readsLargeColumnFamilyIds() throws RocksDBException {
        for (int id : new int[] {0, 127, 128, 300, 1 << 14, 1 << 21, 1 << 28, Integer.MAX_VALUE}) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            bytes.writeBytes(new byte[8]);
            bytes.writeBytes(new byte[] {1, 0, 0, 0, 5});
            int rest = id;
            for (; rest >= 0x80; rest >>>= 7) {
                bytes.write(rest | 0x80);
            }
            bytes.write(rest);
            bytes.writeBytes(new byte[] {1, 'k', 2, 'v', 'w'});
            try (WriteBatch batch = new WriteBatch(bytes.toByteArray())) {
                assertThat(ours(batch))
                        .isEqualTo(theirs(batch))
                        .containsExactly("put " + id + " 6b 7677");
            }
        }
    }

    @Test
    void refusesRangeDeletions() throws RocksDBException {
        try (WriteBatch batch = new WriteBatch()) {
            batch.put(new byte[] {1}, new byte[] {2});
            batch.deleteRange(new byte[] {1}, new byte[] {2});
            assertRefused(batch.data(), "tag 0xf");
            batch.clear();
            batch.deleteRange(columnFamilies.get(0), new byte[] {1}, new byte[] {2});
            assertRefused(batch.data(), "tag 0xe");
        }
    }

    @Test
    void refusesEveryOtherTag() {
        for (int tag = 9; tag < 256; tag++) {
            byte[] data = new byte[40];
            data[8] = 1;
            data[12] = (byte) tag;
            assertRefused(data, "tag 0x" + Integer.toHexString(tag));
        }
    }

    @Test
    void refusesABatchThatIsCutShort() throws RocksDBException {
        try (WriteBatch batch = new WriteBatch()) {
            fill(batch, new Random(42));
            batch.delete(new byte[200]);
            byte[] data = batch.data();
            assertThat(data.length).isGreaterThan(500);
            for (int length = 0; length < data.length; length++) {
                assertRefused(Arrays.copyOf(data, length), "write batch");
            }
        }
    }

    @Test
    void refusesAWrongCount() throws RocksDBException {
        try (WriteBatch batch = new WriteBatch()) {
            batch.put(new byte[] {1}, new byte[] {2});
            byte[] data = batch.data();
            data[8] = 2;
            assertRefused(data, "has 1 records where its header says 2");
        }
    }

    @Test
    void refusesLengthsBeyondTheEnd() {
        byte[] tooLong = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5, 'k'};
        assertRefused(tooLong, "inside a record");
        byte[] negative = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, -1, -1, -1, 15, 'k'};
        assertRefused(negative, "inside a record");
        byte[] endless = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1};
        assertRefused(endless, "inside a number");
    }

    private void fill(WriteBatch batch, Random random) throws RocksDBException {
        for (int i = random.nextInt(60); i >= 0; i--) {
            ColumnFamilyHandle columnFamily = columnFamilies.get(random.nextInt(3));
            byte[] key = new byte[random.nextInt(random.nextInt(10) == 0 ? 20_000 : 60)];
            byte[] value = new byte[random.nextInt(random.nextInt(10) == 0 ? 40_000 : 100)];
            random.nextBytes(key);
            random.nextBytes(value);
            switch (random.nextInt(12)) {
                case 0 -> batch.put(key, value);
                case 1 -> batch.put(columnFamily, key, value);
                case 2 -> batch.put(columnFamily, direct(key), direct(value));
                case 3 -> batch.merge(key, value);
                case 4 -> batch.merge(columnFamily, key, value);
                case 5 -> batch.delete(key);
                case 6 -> batch.delete(columnFamily, key);
                case 7 -> batch.delete(direct(key));
                case 8 -> batch.singleDelete(key);
                case 9 -> batch.singleDelete(columnFamily, key);
                case 10 -> batch.putLogData(value);
                default -> {
                    batch.setSavePoint();
                    batch.put(columnFamily, key, value);
                    batch.rollbackToSavePoint();
                }
            }
        }
    }

    private static ByteBuffer direct(byte[] bytes) {
        return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    }

    private static void assertRefused(byte[] data, String message) {
        assertThatThrownBy(() -> WriteBatchReader.read(data, new Ours(new ArrayList<>())))
                .satisfies(kind(Kind.INTERNAL))
                .hasMessageContaining(message);
    }

    private static List<String> ours(WriteBatch batch) throws RocksDBException {
        List<String> records = new ArrayList<>();
        WriteBatchReader.read(batch.data(), new Ours(records));
        return records;
    }

    private static List<String> theirs(WriteBatch batch) throws RocksDBException {
        List<String> records = new ArrayList<>();
        try (Theirs handler = new Theirs(records)) {
            batch.iterate(handler);
        }
        return records;
    }

    private static String record(String kind, int columnFamily, byte[]... parts) {
        StringBuilder text = new StringBuilder(kind + " " + columnFamily);
        for (byte[] part : parts) {
            text.append(' ').append(HexFormat.of().formatHex(part));
        }
        return text.toString();
    }

    private record Ours(List<String> records) implements WriteBatchReader.Handler {

        @Override
        public void put(int id, byte[] data, int key, int keyLength, int value, int valueLength) {
            records.add(
                    WriteBatchReaderTest.record(
                            "put", id, part(data, key, keyLength), part(data, value, valueLength)));
        }

        @Override
        public void delete(int id, byte[] data, int key, int keyLength) {
            records.add(WriteBatchReaderTest.record("delete", id, part(data, key, keyLength)));
        }

        @Override
        public void merge(int id, byte[] data, int key, int keyLength, int value, int valueLength) {
            records.add(
                    WriteBatchReaderTest.record(
                            "merge",
                            id,
                            part(data, key, keyLength),
                            part(data, value, valueLength)));
        }

        private static byte[] part(byte[] data, int offset, int length) {
            return Arrays.copyOfRange(data, offset, offset + length);
        }
    }

    /** RocksDB calls the methods without an id for the default column family. */
    private static final class Theirs extends WriteBatch.Handler {

        private final List<String> records;

        Theirs(List<String> records) {
            this.records = records;
        }

        @Override
        public void put(int id, byte[] key, byte[] value) {
            records.add(record("put", id, key, value));
        }

        @Override
        public void put(byte[] key, byte[] value) {
            put(0, key, value);
        }

        @Override
        public void merge(int id, byte[] key, byte[] value) {
            records.add(record("merge", id, key, value));
        }

        @Override
        public void merge(byte[] key, byte[] value) {
            merge(0, key, value);
        }

        @Override
        public void delete(int id, byte[] key) {
            records.add(record("delete", id, key));
        }

        @Override
        public void delete(byte[] key) {
            delete(0, key);
        }

        @Override
        public void singleDelete(int id, byte[] key) {
            delete(id, key);
        }

        @Override
        public void singleDelete(byte[] key) {
            delete(0, key);
        }

        @Override
        public void deleteRange(int id, byte[] begin, byte[] end) {
            throw new AssertionError();
        }

        @Override
        public void deleteRange(byte[] begin, byte[] end) {
            throw new AssertionError();
        }

        @Override
        public void logData(byte[] blob) {
            // Not a change.
        }

        @Override
        public void putBlobIndex(int id, byte[] key, byte[] value) {
            throw new AssertionError();
        }

        @Override
        public void markBeginPrepare() {
            throw new AssertionError();
        }

        @Override
        public void markEndPrepare(byte[] xid) {
            throw new AssertionError();
        }

        @Override
        public void markNoop(boolean emptyBatch) {
            throw new AssertionError();
        }

        @Override
        public void markRollback(byte[] xid) {
            throw new AssertionError();
        }

        @Override
        public void markCommit(byte[] xid) {
            throw new AssertionError();
        }

        @Override
        public void markCommitWithTimestamp(byte[] xid, byte[] timestamp) {
            throw new AssertionError();
        }
    }
}
