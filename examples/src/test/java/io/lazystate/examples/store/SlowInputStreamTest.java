package io.lazystate.examples.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.FSDataOutputStream;
import org.apache.flink.core.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

class SlowInputStreamTest {
    private static final int BYTES = 300_000;
    private static final long LATENCY_MILLIS = 30;
    private static final long BYTES_PER_SECOND = 1_000_000;

    @TempDir private Path folder;
    private final FakeTime time = new FakeTime();
    private EmulatedStore store;
    private SlowFileSystem fileSystem;
    private org.apache.flink.core.fs.Path file;

    @BeforeEach
    void writeAFile(TestInfo test) throws IOException {
        String name = "store-" + test.getTestMethod().orElseThrow().getName();
        store = EmulatedStore.named(name);
        store.setProfile(new StoreProfile(LATENCY_MILLIS, BYTES_PER_SECOND));
        fileSystem = new SlowFileSystem(name, time);
        file = new org.apache.flink.core.fs.Path("slow://" + name + folder + "/a/b/object");
        try (FSDataOutputStream out = fileSystem.create(file, FileSystem.WriteMode.NO_OVERWRITE)) {
            for (int i = 0; i < BYTES; i++) {
                out.write(i % 251);
            }
        }
    }

    @Test
    void writingCostsNothingAndLandsInTheLocalDirectory() {
        assertThat(time.slept).isZero();
        assertThat(store.requests()).isZero();
        assertThat(Files.exists(folder.resolve("a/b/object"))).isTrue();
    }

    @Test
    void aWholeReadIsOneRequestAtTheSpeedOfOneConnection() throws IOException {
        try (FSDataInputStream in = fileSystem.open(file)) {
            byte[] all = in.readAllBytes();
            assertThat(all).hasSize(BYTES);
            assertThat(all[260]).isEqualTo((byte) (260 % 251));
        }
        assertThat(store.requests()).isEqualTo(1);
        assertThat(store.bytesRead()).isEqualTo(BYTES);
        assertThat(time.slept).isEqualTo(nanos(BYTES));
    }

    @Test
    void openingAloneIsNoRequest() throws IOException {
        fileSystem.open(file).close();
        assertThat(store.requests()).isZero();
    }

    @Test
    void aSeekBackwardsOrFarForwardsIsARequest() throws IOException {
        try (FSDataInputStream in = fileSystem.open(file)) {
            in.seek(100_000);
            assertThat(in.readNBytes(10)).startsWith((byte) (100_000 % 251));
            in.seek(0);
            in.readNBytes(10);
            in.seek(11 + SlowInputStream.STEP_BYTES);
            in.readNBytes(10);
        }
        assertThat(store.requests()).isEqualTo(3);
        assertThat(store.bytesRead()).isEqualTo(30);
        assertThat(time.slept).isEqualTo(3 * nanos(10));
    }

    @Test
    void aShortStepForwardsReadsOn() throws IOException {
        try (FSDataInputStream in = fileSystem.open(file)) {
            in.readNBytes(10);
            in.seek(1_010);
            assertThat(in.read()).isEqualTo(1_010 % 251);
            assertThat(in.skip(99)).isEqualTo(99);
            assertThat(in.getPos()).isEqualTo(1_110);
            assertThat(in.read()).isEqualTo(1_110 % 251);
        }
        assertThat(store.requests()).isEqualTo(1);
        assertThat(store.bytesRead()).isEqualTo(1_111);
        assertThat(time.slept).isEqualTo(nanos(1_111));
    }

    @Test
    void timeThatPassedElsewhereIsNotWaitedForAgain() throws IOException {
        try (FSDataInputStream in = fileSystem.open(file)) {
            in.readNBytes(10);
            time.now += TimeUnit.SECONDS.toNanos(1);
            long before = time.slept;
            in.readNBytes(100_000);
            assertThat(time.slept).isEqualTo(before);
        }
    }

    @Test
    void listsAndRenamesUnderItsOwnScheme() throws IOException {
        org.apache.flink.core.fs.Path target = file.getParent().suffix("/renamed");
        assertThat(fileSystem.rename(file, target)).isTrue();
        assertThat(fileSystem.exists(file)).isFalse();
        assertThat(fileSystem.listStatus(file.getParent()))
                .singleElement()
                .satisfies(
                        status -> {
                            assertThat(status.getPath()).isEqualTo(target);
                            assertThat(status.getLen()).isEqualTo(BYTES);
                        });
        assertThat(fileSystem.delete(file.getParent(), true)).isTrue();
        assertThat(Files.exists(folder.resolve("a/b"))).isFalse();
    }

    @Test
    void flinkFindsTheScheme() throws IOException {
        try (FSDataInputStream in = file.getFileSystem().open(file)) {
            store.setProfile(StoreProfile.LOCAL);
            assertThat(in).isNotNull();
        }
        assertThat(file.getFileSystem().isDistributedFS()).isTrue();
    }

    private static long nanos(long bytes) {
        return TimeUnit.MILLISECONDS.toNanos(LATENCY_MILLIS)
                + TimeUnit.SECONDS.toNanos(bytes) / BYTES_PER_SECOND;
    }

    /** Time that passes only by sleeping. */
    private static final class FakeTime implements Sleeper {
        private long now = 5;
        private long slept;

        @Override
        public long nanoTime() {
            return now;
        }

        @Override
        public void sleep(long nanos) {
            now += nanos;
            slept += nanos;
        }
    }
}
