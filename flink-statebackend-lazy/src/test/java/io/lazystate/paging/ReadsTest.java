package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ReadOptions;
import org.rocksdb.ReadTier;
import org.rocksdb.RocksDB;
import org.rocksdb.Slice;
import org.rocksdb.Snapshot;

class ReadsTest {
    @BeforeAll
    static void load() {
        RocksDB.loadLibrary();
    }

    @Test
    void whatWouldHideRowsIsLeftOut() {
        try (ReadOptions callers =
                        new ReadOptions()
                                .setPrefixSameAsStart(true)
                                .setAutoPrefixMode(true)
                                .setTailing(true)
                                .setIgnoreRangeDeletions(true)
                                .setMaxSkippableInternalKeys(3)
                                .setReadTier(ReadTier.MEMTABLE_TIER);
                ReadOptions complete = Reads.complete(callers)) {
            assertThat(complete.totalOrderSeek()).isTrue();
            assertThat(complete.prefixSameAsStart()).isFalse();
            assertThat(complete.autoPrefixMode()).isFalse();
            assertThat(complete.tailing()).isFalse();
            assertThat(complete.ignoreRangeDeletions()).isFalse();
            assertThat(complete.maxSkippableInternalKeys()).isZero();
            assertThat(complete.readTier()).isEqualTo(ReadTier.READ_ALL_TIER);
            assertThat(complete.snapshot()).isNull();
            assertThat(complete.iterateLowerBound()).isNull();
            assertThat(complete.iterateUpperBound()).isNull();
        }
    }

    @Test
    void snapshotBoundsAndHowItReadsStay(@TempDir Path directory) throws Exception {
        try (RocksDB db = RocksDB.open(directory.toString());
                Snapshot snapshot = db.getSnapshot();
                Slice lower = new Slice(bytes("a"));
                Slice upper = new Slice(bytes("k"));
                ReadOptions callers =
                        new ReadOptions()
                                .setSnapshot(snapshot)
                                .setIterateLowerBound(lower)
                                .setIterateUpperBound(upper)
                                .setFillCache(false)
                                .setVerifyChecksums(false)
                                .setPinData(true)
                                .setReadaheadSize(4096)
                                .setBackgroundPurgeOnIteratorCleanup(true)
                                .setDeadline(7)
                                .setIoTimeout(8);
                Reads reads = Reads.by(callers)) {
            ReadOptions complete = reads.options();
            assertThat(complete).isNotSameAs(callers);
            assertThat(complete.snapshot().getSequenceNumber())
                    .isEqualTo(snapshot.getSequenceNumber());
            assertThat(reads.bounds().lower()).isEqualTo(bytes("a"));
            assertThat(reads.bounds().upper()).isEqualTo(bytes("k"));
            assertThat(complete.fillCache()).isFalse();
            assertThat(complete.verifyChecksums()).isFalse();
            assertThat(complete.pinData()).isTrue();
            assertThat(complete.readaheadSize()).isEqualTo(4096);
            assertThat(complete.backgroundPurgeOnIteratorCleanup()).isTrue();
            assertThat(complete.deadline()).isEqualTo(7);
            assertThat(complete.ioTimeout()).isEqualTo(8);
            db.releaseSnapshot(snapshot);
        }
    }

    @Test
    void completeOptionsAreUsedAsTheyAreAndStayTheCallers() {
        try (ReadOptions callers = new ReadOptions();
                ReadOptions complete = Reads.complete(callers)) {
            try (Reads reads = Reads.by(complete)) {
                assertThat(reads.options()).isSameAs(complete);
            }
            assertThat(complete.isOwningHandle()).isTrue();
            try (Reads reads = Reads.by(callers)) {
                assertThat(reads.options()).isNotSameAs(callers);
            }
        }
    }
}
