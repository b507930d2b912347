package io.lazystate.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.CapturedLog;
import io.lazystate.ScratchDirectory;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.store.ObjectRange;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.flink.runtime.checkpoint.filemerging.LogicalFile.LogicalFileId;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is cached is not asked for again, and never believed. */
class EdgeReaderTest {
    private static final int LENGTH = 3 << 20;
    private static final long PLENTY = 64 << 20;

    @TempDir Path directory;
    @TempDir Path local;

    private final Random random = new Random(5);
    private final HeapStore store = new HeapStore();
    private final LoadingMetrics metrics = new LoadingMetrics();
    private final StoredObject object = store.put("object", LENGTH, random);
    private EdgeCache cache;
    private EdgeReader reader;

    @BeforeEach
    void open() throws IOException {
        cache = EdgeCache.open(directory, PLENTY);
        reader = new EdgeReader(cache, store, metrics);
    }

    @AfterEach
    void close() throws IOException {
        cache.close();
    }

    /** What was read before is on the disk now, and the next process finds it. */
    private void reopen() throws IOException {
        cache.close();
        open();
    }

    @Test
    void whatWasReadIsReadAgainWithoutARequest() throws IOException {
        read(object, 100, 50_000);
        read(object, 0, 2 << 20);
        assertThat(metrics.edgeMisses().sum()).isEqualTo(2);
        reopen();
        store.goAway();

        read(object, 100, 50_000);
        read(object, 200, 1_000);
        read(object, 0, 2 << 20);

        assertThat(store.requests()).isEqualTo(2);
        assertThat(metrics.edgeHits().sum()).isEqualTo(3);
        assertThat(metrics.edgeHitBytes().sum()).isEqualTo(50_000 + 1_000 + (2 << 20));
    }

    @Test
    void aTableThatWasDownloadedIsLinkedAndItsPagesAreThere() throws IOException {
        Path first = local.resolve("first");
        Path second = local.resolve("second");
        Path part = local.resolve("part");
        download(object, 10, LENGTH - 20, first);
        reopen();
        store.goAway();

        download(object, 10, LENGTH - 20, second);
        download(object, 1_000, 2_000, part);
        read(object, 5_000, 1_000);

        assertThat(store.requests()).isEqualTo(1);
        assertThat(Files.isSameFile(first, second)).as("no bytes were copied").isTrue();
        Files.delete(first);
        Files.delete(second);
        download(object, 10, LENGTH - 20, second);
        assertThat(store.requests()).isEqualTo(1);
    }

    /** If the machine has a second disk in memory; else as above. */
    @Test
    void aTableOnAnotherDiskIsCopiedWhoeverMovesItMeanwhile() throws IOException {
        try (ScratchDirectory disk = new ScratchDirectory("edge")) {
            Path target = disk.path().resolve("target");
            download(object, 10, LENGTH - 20, target);
            Files.delete(target);
            reopen();
            store.goAway();
            download(object, 10, LENGTH - 20, target);
            download(object, 10, 1_000, target);
            assertThat(store.requests()).isEqualTo(1);
        }
    }

    private enum Mishap {
        FLIPPED {
            @Override
            void befall(Path file) throws IOException {
                try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
                    bytes.seek(bytes.length() / 2);
                    int was = bytes.read();
                    bytes.seek(bytes.length() / 2);
                    bytes.write(was ^ 1);
                }
            }
        },
        CUT {
            @Override
            void befall(Path file) throws IOException {
                try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
                    bytes.setLength(bytes.length() - 1);
                }
            }
        },
        GONE {
            @Override
            void befall(Path file) throws IOException {
                Files.delete(file);
            }
        };

        abstract void befall(Path file) throws IOException;
    }

    @ParameterizedTest
    @EnumSource
    void aDamagedEntryIsReadFromTheStoreAndCachedAgain(Mishap mishap) throws IOException {
        Path target = local.resolve("target");
        read(object, 100, 50_000);
        download(object, 0, LENGTH, target);
        Files.delete(target);
        reopen();
        List<Path> entries = entries();
        assertThat(entries).hasSize(2);
        for (Path entry : entries) {
            mishap.befall(entry);
        }

        read(object, 100, 50_000);
        download(object, 0, LENGTH, target);
        assertThat(store.requests()).isEqualTo(4);
        assertThat(metrics.edgeDamaged().sum())
                .as("that were read whole before it was seen")
                .isEqualTo(mishap == Mishap.FLIPPED ? 2 : mishap == Mishap.CUT ? 1 : 0);
        reopen();
        read(object, 100, 50_000);
        download(object, 0, LENGTH, local.resolve("again"));

        assertThat(store.requests()).isEqualTo(4);
        assertThat(entries()).hasSameElementsAs(entries);
    }

    /** What another process finds as long as its name says, and is not what was written. */
    @Test
    void aTargetThatWasLinkedToDamageIsNotWrittenThrough() throws IOException {
        Path inUse = local.resolve("in use");
        Path target = local.resolve("target");
        download(object, 0, LENGTH, inUse);
        Mishap.FLIPPED.befall(inUse);
        byte[] before = Files.readAllBytes(inUse);

        download(object, 0, LENGTH, target);

        assertThat(Files.readAllBytes(inUse)).as("whoever else has it").isEqualTo(before);
    }

    @Test
    void aSnapshotUsesTheCacheAndPutsNothingIntoIt() throws IOException {
        ObjectRange range = new ObjectRange(object, 0, 1_000);
        reader.read(range, LoadCause.SNAPSHOT, store.check(range));
        reader.download(range, crc(range), LoadCause.SNAPSHOT, local.resolve("snapshot"));
        reopen();
        assertThat(entries()).isEmpty();
        read(object, 0, 1_000);
        reopen();
        store.goAway();
        reader.read(range, LoadCause.SNAPSHOT, store.check(range));
        assertThat(metrics.edgeHits().sum()).isEqualTo(1);
    }

    @Test
    void bytesThatFailTheirCheckAreNotCached() throws IOException {
        ObjectRange range = new ObjectRange(object, 0, 1_000);
        ObjectRange other = new ObjectRange(object, 1, 1_000);
        assertThatThrownBy(() -> reader.read(range, LoadCause.DEMAND, store.check(other)))
                .isInstanceOf(LazyStateException.class);
        reopen();
        assertThat(entries()).isEmpty();
    }

    @Test
    void segmentsOfAMergedFileAreToldApart() throws IOException {
        StoredObject left = segment("left", 0);
        StoredObject right = segment("right", 1_000);
        read(left, 0, 1_000);
        read(right, 0, 1_000);
        reopen();
        store.goAway();
        read(left, 0, 1_000);
        read(right, 0, 1_000);
        assertThat(metrics.edgeHits().sum()).isEqualTo(2);
        assertThat(metrics.edgeDamaged().sum()).isZero();
    }

    private StoredObject segment(String name, long start) {
        store.put(name, 1_000, random);
        return new StoredObject(
                name,
                1_000,
                new SegmentFileStateHandle(
                        new org.apache.flink.core.fs.Path("s3://b/shared/merged"),
                        start,
                        1_000,
                        CheckpointedStateScope.SHARED,
                        new LogicalFileId(name)));
    }

    @Test
    void whatIsInlinedIsNotCached() throws IOException {
        store.put("inlined", 100, random);
        byte[] bytes = new byte[100];
        StoredObject inlined =
                new StoredObject("inlined", 100, new ByteStreamStateHandle("inlined", bytes));
        read(inlined, 0, 100);
        reopen();
        assertThat(entries()).isEmpty();
        assertThat(metrics.edgeMisses().sum()).isZero();
    }

    @Test
    void aBrokenDiskIsToldOnceAndNoReadFails() throws IOException {
        for (int i = 0; i < 256; i++) { // where directories should be
            Files.createFile(cache.directory().resolve(String.format("%02x", i)));
        }
        List<String> warnings =
                CapturedLog.of(
                        Level.WARN,
                        () -> {
                            for (int i = 0; i < 20; i++) {
                                read(object, 1_000L * i, 1_000);
                                download(object, 1_000L * i, 1_000, local.resolve("file" + i));
                            }
                            cache.close();
                        });
        assertThat(warnings).hasSize(1);
        assertThat(warnings.get(0)).contains(cache.directory().toString());
        assertThat(store.requests()).isEqualTo(40);
    }

    @Test
    void leftoversOfACrashAreDeletedAndFilesOfOthersStay() throws IOException {
        read(object, 0, 1_000);
        cache.close();
        Path entry = entries().get(0);
        Path slot = cache.directory();
        Files.write(slot.resolve("7.tmp"), new byte[10]);
        Files.write(slot.resolve("notes.txt"), new byte[10]);
        Files.write(entry.resolveSibling("notes.page"), new byte[10]);
        Files.copy(entry, slot.resolve(entry.getFileName())); // not its place
        Path longer = entry.resolveSibling(entry.getFileName().toString().replace("-0-", "-1-"));
        Files.write(longer, new byte[10]);
        open();

        assertThat(slot.resolve("7.tmp")).doesNotExist();
        assertThat(longer).doesNotExist();
        assertThat(slot.resolve("notes.txt")).exists();
        assertThat(entry.resolveSibling("notes.page")).exists();
        assertThat(cache.bytes()).isEqualTo(4096);
        store.goAway();
        read(object, 0, 1_000);
    }

    private void read(StoredObject from, long offset, int length) {
        ObjectRange range = new ObjectRange(from, offset, length);
        assertThat(reader.read(range, LoadCause.DEMAND, store.check(range)))
                .isEqualTo(store.bytes(range));
    }

    private void download(StoredObject from, long offset, int length, Path target)
            throws IOException {
        ObjectRange range = new ObjectRange(from, offset, length);
        reader.download(range, crc(range), LoadCause.HYDRATE, target);
        assertThat(Files.readAllBytes(target)).isEqualTo(store.bytes(range));
    }

    private int crc(ObjectRange range) {
        return HeapStore.crc32c(store.bytes(range));
    }

    private List<Path> entries() throws IOException {
        try (Stream<Path> files = Files.walk(cache.directory())) {
            return files.filter(file -> EdgeEntry.parse(file.getFileName().toString()) != null)
                    .toList();
        }
    }
}
