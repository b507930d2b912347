package io.lazystate.store;

import static io.lazystate.store.RangedReaderContract.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.CapturedLog;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** The object first, then its replicas in turn, and the object's own error if none is sound. */
class CopiesTest {
    private static final byte[] CONTENT = {1, 2, 3, 4, 5};
    private static final String OBJECT = "s3://state/x";
    private static final String FIRST = "s3://first/x";
    private static final String SECOND = "s3://second/x";
    private static final ObjectRange OBJECT_RANGE =
            new ObjectRange(
                    new StoredObject(
                            "x",
                            CONTENT.length,
                            new FileStateHandle(
                                    new org.apache.flink.core.fs.Path(OBJECT), CONTENT.length)),
                    0,
                    CONTENT.length);
    private static final Check<byte[]> CHECK =
            bytes -> {
                if (!Arrays.equals(bytes, CONTENT)) {
                    throw new LazyStateException(
                            Kind.CORRUPT, OBJECT_RANGE.where(), "other bytes", null);
                }
                return bytes;
            };

    @TempDir Path directory;

    private final Stores stores = new Stores();
    private final LoadingMetrics metrics = new LoadingMetrics();
    private long nanos = -5;
    private final Copies copies =
            new Copies(
                    stores,
                    new Replicas(List.of("s3://first", "s3://second"), "s3://state"),
                    metrics,
                    () -> nanos);

    /** What each location answers with, if not with the content. */
    private static final class Stores implements RangedReader {
        private final Map<String, Kind> failures = new HashMap<>();
        private final Map<String, byte[]> damaged = new HashMap<>();
        private final Map<String, byte[]> damagedOnce = new HashMap<>();
        private final List<String> asked = new ArrayList<>();

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            asked.add(object.location());
            Kind failure = failures.get(object.location());
            if (failure != null) {
                throw new LazyStateException(failure, object.where(offset, length), "fails", null);
            }
            byte[] once = damagedOnce.remove(object.location());
            return once != null ? once : damaged.getOrDefault(object.location(), CONTENT).clone();
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            byte[] bytes = read(object, offset, (int) length);
            try {
                Files.write(target, bytes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return crc(bytes);
        }
    }

    @Test
    void noReplicaIsAskedForWhatIsThere() {
        assertThat(read()).isEqualTo(CONTENT);
        assertThat(stores.asked).containsExactly(OBJECT);
        assertThat(metrics.replicaReads().sum()).isZero();
    }

    @ParameterizedTest
    @EnumSource(names = {"CORRUPT", "UNAVAILABLE"})
    void theFirstReplicaThatIsSoundStandsIn(Kind kind) throws IOException {
        stores.failures.put(OBJECT, kind);
        stores.damaged.put(FIRST, new byte[5]);
        assertThat(read()).isEqualTo(CONTENT);
        assertThat(stores.asked).containsExactly(OBJECT, FIRST, FIRST, SECOND);
        assertThat(metrics.replicaReads().sum()).isEqualTo(1);
        Path target = directory.resolve("target");
        copies.download(OBJECT_RANGE, crc(CONTENT), LoadCause.HYDRATE, target);
        assertThat(Files.readAllBytes(target)).isEqualTo(CONTENT);
        assertThat(metrics.replicaReads().sum()).isEqualTo(2);
    }

    @Test
    void bytesThatFailTheirCheckAreSoughtInAReplica() throws IOException {
        stores.damaged.put(OBJECT, new byte[5]);
        assertThat(read()).isEqualTo(CONTENT);
        Path target = directory.resolve("target");
        copies.download(OBJECT_RANGE, crc(CONTENT), LoadCause.HYDRATE, target);
        assertThat(Files.readAllBytes(target)).isEqualTo(CONTENT);
        assertThat(metrics.replicaReads().sum()).isEqualTo(2);
    }

    @Test
    void bytesThatWereDamagedOnTheirWayAreReadOnceMore() throws IOException {
        stores.damagedOnce.put(OBJECT, new byte[5]);
        assertThat(read()).isEqualTo(CONTENT);
        stores.damagedOnce.put(OBJECT, new byte[5]);
        Path target = directory.resolve("target");
        copies.download(OBJECT_RANGE, crc(CONTENT), LoadCause.HYDRATE, target);
        assertThat(Files.readAllBytes(target)).isEqualTo(CONTENT);
        assertThat(stores.asked).containsExactly(OBJECT, OBJECT, OBJECT, OBJECT);
        assertThat(metrics.replicaReads().sum()).isZero();
    }

    @Test
    void ifNoneIsSoundItIsTheObjectsErrorThatIsTold() {
        stores.failures.put(OBJECT, Kind.CORRUPT);
        stores.failures.put(FIRST, Kind.UNAVAILABLE);
        stores.failures.put(SECOND, Kind.INVALID);
        LazyStateException e = failure(this::read);
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where().object()).isEqualTo(OBJECT);
        assertThat(e.getSuppressed()).hasSize(2);
        assertThat(metrics.replicaReads().sum()).isZero();
    }

    @Test
    void noFileIsLeftIfNoneIsSound() {
        for (String location : List.of(OBJECT, FIRST, SECOND)) {
            stores.damaged.put(location, new byte[5]);
        }
        Path target = directory.resolve("target");
        LazyStateException e =
                failure(
                        () ->
                                copies.download(
                                        OBJECT_RANGE, crc(CONTENT), LoadCause.HYDRATE, target));
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where().object()).isEqualTo(OBJECT);
        assertThat(target).doesNotExist();
    }

    /** Settings that are wrong are to be mended, and who is interrupted leaves. */
    @ParameterizedTest
    @EnumSource(
            mode = Mode.EXCLUDE,
            names = {"CORRUPT", "UNAVAILABLE"})
    void noReplicaHelpsAgainstOtherErrors(Kind kind) {
        stores.failures.put(OBJECT, kind);
        assertThat(failure(this::read).kind()).isEqualTo(kind);
        assertThat(stores.asked).containsExactly(OBJECT);
    }

    @Test
    void whoIsInterruptedAsksNoFurtherReplica() {
        stores.failures.put(OBJECT, Kind.CORRUPT);
        stores.failures.put(FIRST, Kind.CLOSED);
        assertThat(failure(this::read).kind()).isEqualTo(Kind.CLOSED);
        assertThat(stores.asked).containsExactly(OBJECT, FIRST);
    }

    @Test
    void aStoreThatDoesNotAnswerIsAskedLastForAWhile() {
        stores.failures.put(OBJECT, Kind.UNAVAILABLE);
        read();
        stores.asked.clear();

        read();
        assertThat(stores.asked).containsExactly(FIRST);
        stores.failures.clear();
        stores.failures.put(FIRST, Kind.CORRUPT);
        stores.failures.put(SECOND, Kind.CORRUPT);
        stores.asked.clear();
        read();
        assertThat(stores.asked).containsExactly(FIRST, SECOND, OBJECT);
        nanos += TimeUnit.SECONDS.toNanos(31);
        stores.asked.clear();
        read();
        assertThat(stores.asked).containsExactly(OBJECT);
    }

    @Test
    void theLogTellsOnceOfEachObject() {
        stores.failures.put(OBJECT, Kind.CORRUPT);
        List<String> warnings =
                CapturedLog.of(
                        Level.WARN,
                        () -> {
                            read();
                            read();
                        });
        assertThat(warnings).hasSize(1);
        assertThat(warnings.get(0)).contains(OBJECT).contains(FIRST).contains("CORRUPT");
        assertThat(metrics.replicaReads().sum()).isEqualTo(2);
    }

    private byte[] read() {
        return copies.read(OBJECT_RANGE, LoadCause.DEMAND, CHECK);
    }

    private static int crc(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }
}
