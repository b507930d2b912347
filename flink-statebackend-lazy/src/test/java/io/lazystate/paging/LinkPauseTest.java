package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.AbstractEventListener;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompactionJobInfo;
import org.rocksdb.FlushOptions;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;

class LinkPauseTest {
    private static final byte[] KEY = {1};

    @TempDir Path directory;

    private Options options;
    private RocksDB db;
    private ColumnFamilyHandle family;
    private PagedState state;
    private LinkPause pause;
    private HeldCompactions compactions;
    private int waits;

    @BeforeEach
    void open() throws RocksDBException {
        RocksDB.loadLibrary();
        compactions = new HeldCompactions();
        options = new Options().setCreateIfMissing(true).setListeners(List.of(compactions));
        db = RocksDB.open(options, directory.resolve("db").toString());
        byte[] name = "state".getBytes(StandardCharsets.UTF_8);
        family = db.createColumnFamily(new ColumnFamilyDescriptor(name));
        state = new PagedState(1, "state", family, new ChangeLog(directory, 1 << 10));
        pause =
                new LinkPause(
                        db,
                        nanos -> {
                            waits++;
                            compactions.letEnd();
                        });
    }

    @AfterEach
    void close() {
        state.close();
        family.close();
        db.close();
        options.close();
        compactions.close();
    }

    @Test
    void whatNobodyHasWrittenToIsLinkedWithoutTouchingItsOptions() throws RocksDBException {
        pause.before(state);

        assertThat(compactsByItself()).isTrue();
    }

    @Test
    void compactionIsOffFromTheFirstLinkAfterAWriteToTheEnd() throws RocksDBException {
        db.put(family, KEY, KEY);
        pause.before(state);
        assertThat(compactsByItself()).isFalse();

        pause.before(state);
        assertThat(compactsByItself()).isFalse();

        end();
        assertThat(compactsByItself()).isTrue();
    }

    @Test
    void rowsThatWereFlushedCountAsWritten() throws RocksDBException {
        db.put(family, KEY, KEY);
        try (FlushOptions wait = new FlushOptions()) {
            db.flush(wait, family);
        }

        pause.before(state);

        assertThat(compactsByItself()).isFalse();
    }

    @Test
    void aCompactionOfTheColumnFamilyIsWaitedFor() throws Exception {
        compactions.hold();
        flushUntilCompacted(family);

        pause.before(state);

        assertThat(waits).isEqualTo(1);
        assertThat(compactsByItself()).isFalse();
    }

    @Test
    void aCompactionOfAnotherColumnFamilyIsNot() throws Exception {
        compactions.hold();
        try (ColumnFamilyHandle other =
                db.createColumnFamily(new ColumnFamilyDescriptor(new byte[] {'o'}))) {
            flushUntilCompacted(other);
            db.put(family, KEY, KEY);

            pause.before(state);

            assertThat(waits).isZero();
            assertThat(compactsByItself()).isFalse();
            compactions.letEnd();
        }
    }

    @Test
    void whatTheUserDoesNotLetCompactStaysSo() throws Exception {
        try (ColumnFamilyOptions users = new ColumnFamilyOptions().setDisableAutoCompactions(true);
                ColumnFamilyHandle still =
                        db.createColumnFamily(
                                new ColumnFamilyDescriptor(new byte[] {'o'}, users))) {
            ChangeLog changes = new ChangeLog(directory, 1 << 10);
            PagedState other = new PagedState(2, "other", still, changes);
            try (FlushOptions wait = new FlushOptions()) {
                for (int i = 0; i < 20; i++) { // more files than linking would wait for
                    db.put(still, KEY, KEY);
                    db.flush(wait, still);
                }
            }

            pause.before(other);
            end();

            assertThat(db.getOptions(still).disableAutoCompactions()).isTrue();
            assertThat(waits).isZero();
            other.close();
        }
    }

    /** Nothing would compact them: RocksDB begins with as many files as the user said. */
    @Test
    void filesThatAreTooFewToBeCompactedAreNotWaitedFor() throws Exception {
        try (ColumnFamilyOptions late =
                        new ColumnFamilyOptions()
                                .setLevel0FileNumCompactionTrigger(30)
                                .setLevel0SlowdownWritesTrigger(60)
                                .setLevel0StopWritesTrigger(90);
                ColumnFamilyHandle other =
                        db.createColumnFamily(new ColumnFamilyDescriptor(new byte[] {'o'}, late));
                FlushOptions wait = new FlushOptions()) {
            PagedState lateOne =
                    new PagedState(2, "o", other, new ChangeLog(directory.resolve("o"), 1 << 10));
            for (int i = 0; i < 14; i++) {
                db.put(other, KEY, KEY);
                db.flush(wait, other);
            }

            pause.before(lateOne);
            pause.before(lateOne);

            assertThat(waits).isZero();
            lateOne.close();
        }
    }

    private void flushUntilCompacted(ColumnFamilyHandle compacted) throws Exception {
        try (FlushOptions wait = new FlushOptions()) {
            for (int i = 0; i < 4; i++) { // as many files as RocksDB compacts
                db.put(compacted, KEY, KEY);
                db.flush(wait, compacted);
            }
        }
        compactions.awaitBegin();
    }

    private void end() throws RocksDBException {
        try (LinkLock.Held link = new LinkLock().take()) {
            pause.end(link);
        }
    }

    private boolean compactsByItself() throws RocksDBException {
        return !db.getOptions(family).disableAutoCompactions();
    }

    /** Holds compactions once they have begun, and until they may end. */
    private static final class HeldCompactions extends AbstractEventListener {
        private static final long TOO_LONG_SECONDS = 60;

        private final CountDownLatch begun = new CountDownLatch(1);
        private final CountDownLatch ended = new CountDownLatch(1);
        private volatile CountDownLatch mayEnd = new CountDownLatch(0);

        HeldCompactions() {
            super(
                    EnabledEventCallback.ON_COMPACTION_BEGIN,
                    EnabledEventCallback.ON_COMPACTION_COMPLETED);
        }

        void hold() {
            mayEnd = new CountDownLatch(1);
        }

        void awaitBegin() throws InterruptedException {
            assertThat(begun.await(TOO_LONG_SECONDS, TimeUnit.SECONDS)).isTrue();
        }

        void letEnd() {
            mayEnd.countDown();
            await(ended);
        }

        @Override
        public void onCompactionBegin(RocksDB in, CompactionJobInfo info) {
            begun.countDown();
            await(mayEnd);
        }

        @Override
        public void onCompactionCompleted(RocksDB in, CompactionJobInfo info) {
            ended.countDown();
        }

        private static void await(CountDownLatch latch) {
            try {
                latch.await(TOO_LONG_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
