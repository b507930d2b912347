package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.Condition;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.StoreMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.zip.CRC32C;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.checkpoint.filemerging.LogicalFile.LogicalFileId;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.filemerging.SegmentFileStateHandle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reads from a store that is as strict as R2, counted on its side of the wire. */
class S3ReaderTest extends RangedReaderContract {

    private static final Duration LONG = Duration.ofMinutes(5);

    /** Not all of the tests wait for it, but each that does waits in full. */
    private static final Duration SHORT = Duration.ofMillis(1500);

    private static final Duration NEVER = Duration.ZERO;
    private static final Duration HEDGE_SOON = Duration.ofMillis(10);

    /** On a busy machine an attempt's time may be up before its request is sent. */
    private static final int AS_OFTEN_AS_IT_TAKES = 1_000;

    private final S3Clients clients = new S3Clients(false);
    private final StoreMetrics metrics = new StoreMetrics();
    private R2Double store;
    private S3Clients.Lease lease;

    @BeforeEach
    void startStore() throws IOException {
        store = store();
    }

    @AfterEach
    void stopStore() {
        if (lease != null) {
            lease.close();
        }
        store.close();
    }

    @Override
    RangedReader reader() {
        return lease == null
                ? reader(limits(NEVER, LONG), 1)
                : new S3Reader(lease.connections(), retries(1));
    }

    @Override
    StoredObject store(String name, byte[] content, long statedLength) throws IOException {
        return new StoredObject(name, statedLength, store().put(name, content));
    }

    /** The contract's set-up runs first. */
    private R2Double store() throws IOException {
        if (store == null) {
            store = new R2Double();
        }
        return store;
    }

    private RangedReader reader(S3Limits limits, int attempts) {
        return reader(store.settings(), limits, attempts);
    }

    private RangedReader reader(Configuration settings, S3Limits limits, int attempts) {
        lease = clients.lease(settings, limits);
        return new S3Reader(lease.connections(), retries(attempts));
    }

    private Retries retries(int attempts) {
        return new Retries(attempts, new Backoff(0, 0, () -> 0), Thread::sleep, metrics);
    }

    private static S3Limits limits(Duration hedgeDelay, Duration attemptTimeout) {
        return new S3Limits(true, 8, 4, LONG, attemptTimeout, hedgeDelay, 1);
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    @Test
    void readsAreOneRequestEachOverOneConnection() throws IOException {
        StoredObject object = store("o", random(1000), 1000);
        RangedReader reader = reader();

        for (int i = 0; i < 10; i++) {
            reader.read(object, 100 * i, 50);
        }

        assertThat(store.ranges()).hasSize(10).startsWith("bytes=0-49", "bytes=100-149");
        assertThat(store.connections()).isEqualTo(1);
    }

    @Test
    void downloadsInEqualPartsOverAsManyConnections() throws IOException {
        byte[] content = random(18 << 20);
        StoredObject object = store("o", content, content.length);
        Path target = directory.resolve("target");

        int crc32c = reader().download(object, 5, content.length - 5, target);

        CRC32C expected = new CRC32C();
        expected.update(content, 5, content.length - 5);
        assertThat(crc32c).isEqualTo((int) expected.getValue());
        assertThat(Files.readAllBytes(target))
                .isEqualTo(Arrays.copyOfRange(content, 5, content.length));
        int part = (content.length - 5 + 3) / 4;
        assertThat(store.ranges())
                .containsExactlyInAnyOrder(
                        "bytes=5-" + (part + 4),
                        "bytes=" + (part + 5) + "-" + (2 * part + 4),
                        "bytes=" + (2 * part + 5) + "-" + (3 * part + 4),
                        "bytes=" + (3 * part + 5) + "-" + (content.length - 1));
        assertThat(store.connections()).isBetween(1, 4);
    }

    @Test
    void segmentOfAMergedFileIsReadFromItsPlaceInIt() throws IOException {
        byte[] content = random(1000);
        StoredObject segment =
                new StoredObject(
                        "segment",
                        200,
                        new SegmentFileStateHandle(
                                store.put("merged", content).getFilePath(),
                                300,
                                200,
                                CheckpointedStateScope.SHARED,
                                new LogicalFileId("f")));
        Path target = directory.resolve("target");

        assertThat(reader().read(segment, 10, 20)).isEqualTo(Arrays.copyOfRange(content, 310, 330));
        reader().download(segment, 10, 20, target);

        assertThat(Files.readAllBytes(target)).isEqualTo(Arrays.copyOfRange(content, 310, 330));
        assertThat(store.ranges()).containsOnly("bytes=310-329");
    }

    @Test
    void busyStoreIsAskedAgainAsOftenAsWeSayAndNotMore() throws IOException {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(NEVER, LONG), 3);
        store.failNext(R2Double.status(503, "SlowDown"), R2Double.status(429, "TooManyRequests"));

        assertThat(reader.read(object, 0, 10)).isEqualTo(random(10));
        assertThat(store.ranges()).hasSize(3);

        R2Double.Fault busy = R2Double.status(500, "InternalError");
        store.failNext(busy, busy, busy);
        LazyStateException e = failure(() -> reader.read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("o [0, 10)").hasMessageContaining("500");
        assertThat(store.ranges()).hasSize(6);
    }

    @Test
    void cutResponseIsReadAgain() throws IOException {
        StoredObject object = store("o", random(100), 100);
        store.failNext(R2Double.cutAfter(40));

        assertThat(reader(limits(NEVER, LONG), 2).read(object, 0, 100)).isEqualTo(random(100));

        assertThat(store.ranges()).containsExactly("bytes=0-99", "bytes=0-99");
    }

    @Test
    void cutDownloadGoesOnFromWhereItWasCut() throws IOException {
        byte[] content = random(300_000);
        StoredObject object = store("o", content, content.length);
        Path target = directory.resolve("target");
        store.failNext(R2Double.cutAfter(100_000), R2Double.status(503, "SlowDown"));

        int crc32c = reader(limits(NEVER, LONG), 3).download(object, 0, content.length, target);

        CRC32C expected = new CRC32C();
        expected.update(content);
        assertThat(crc32c).isEqualTo((int) expected.getValue());
        assertThat(Files.readAllBytes(target)).isEqualTo(content);
        assertThat(store.ranges())
                .hasSize(3)
                .startsWith("bytes=0-299999")
                .endsWith("bytes=100000-299999");
    }

    @Test
    void failedPartEndsTheDownloadAndLeavesNoFile() throws IOException {
        byte[] content = random(9 << 20);
        StoredObject object = store("o", content, content.length);
        Path target = directory.resolve("target");
        store.failNext(R2Double.stallAfter(1000), R2Double.status(403, "AccessDenied"));

        LazyStateException e = failure(() -> reader().download(object, 0, content.length, target));

        assertThat(e.kind()).isEqualTo(Kind.INVALID);
        assertThat(target).doesNotExist();
    }

    @Test
    void otherBytesThanThoseAskedForAreNotTaken() throws IOException {
        StoredObject object = store("o", random(100), 100);
        RangedReader reader = reader(limits(NEVER, LONG), 2);
        store.failNext(R2Double.otherRange());

        assertThat(reader.read(object, 10, 20)).isEqualTo(Arrays.copyOfRange(random(100), 10, 30));

        store.failNext(R2Double.otherRange(), R2Double.otherRange());
        LazyStateException e = failure(() -> reader.read(object, 10, 20));
        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("bytes=10-29").hasMessageContaining("bytes 11-30/100");
    }

    @Test
    void wholeObjectIsTakenOnlyIfTheWholeWasAskedFor() throws IOException {
        StoredObject object = store("o", random(100), 100);
        RangedReader reader = reader();
        store.failNext(R2Double.whole(), R2Double.whole(), R2Double.whole());

        assertThat(reader.read(object, 0, 100)).isEqualTo(random(100));
        assertThat(failure(() -> reader.read(object, 0, 99)).kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(failure(() -> reader.read(object, 1, 99)).kind()).isEqualTo(Kind.UNAVAILABLE);
    }

    @ParameterizedTest
    @CsvSource({
        "401, InvalidAccessKeyId, INVALID, s3.access-key",
        "403, AccessDenied, INVALID, s3.access-key",
        "403, RequestTimeTooSkewed, INVALID, clock",
        "301, PermanentRedirect, INVALID, s3.region",
        "400, AuthorizationHeaderMalformed, INVALID, s3.region",
        "400, ExpiredToken, UNAVAILABLE, retry",
        "404, NoSuchBucket, CORRUPT, missing",
        "408, RequestTimeout, UNAVAILABLE, retry",
        "429, TooManyRequests, UNAVAILABLE, retry",
        "500, InternalError, UNAVAILABLE, retry",
        "503, SlowDown, UNAVAILABLE, retry"
    })
    void refusalsAreOfTheKindThatSaysWhatToDo(int status, String code, Kind kind, String remedy)
            throws IOException {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader();
        store.failNext(R2Double.status(status, code), R2Double.status(status, code));

        LazyStateException read = failure(() -> reader.read(object, 0, 10));
        LazyStateException download =
                failure(() -> reader.download(object, 0, 10, directory.resolve("target")));

        assertThat(List.of(read, download)).allMatch(e -> e.kind() == kind);
        assertThat(read).hasMessageContaining(remedy).hasMessageContaining("o [0, 10)");
        assertThat(store.ranges()).hasSize(2);
    }

    @Test
    void localFileThatCannotBeWrittenIsNotTheStoresFault() throws IOException {
        StoredObject object = store("o", random(10), 10);
        Path target = directory.resolve("no such directory").resolve("target");

        LazyStateException e = failure(() -> reader().download(object, 0, 10, target));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("local").hasMessageContaining(target.toString());
        assertThat(store.ranges()).isEmpty();
    }

    @Test
    void downloadsLeaveConnectionsToReads() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(new S3Limits(true, 4, 4, SHORT, LONG, NEVER, 0), 1);
        store.failNext(R2Double.stall(), R2Double.stall(), R2Double.stall());
        for (int i = 0; i < 3; i++) {
            Path target = directory.resolve("target" + i);
            new Thread(() -> failure(() -> reader.download(object, 0, 10, target))).start();
            store.awaitStalled();
        }

        LazyStateException fourth =
                failure(() -> reader.download(object, 0, 10, directory.resolve("target3")));

        assertThat(fourth).hasMessageContaining("busy");
        assertThat(reader.read(object, 0, 10)).hasSize(10);
    }

    @Test
    void missingKeyIsCorruptAndNotAskedForAgain() throws IOException {
        StoredObject gone = new StoredObject("gone", 10, store.put("there", new byte[10]));
        StoredObject missing =
                new StoredObject(
                        "gone",
                        10,
                        new org.apache.flink.runtime.state.filesystem.FileStateHandle(
                                new org.apache.flink.core.fs.Path("s3://state/gone"), 10));
        RangedReader reader = reader(limits(NEVER, LONG), 5);

        LazyStateException e = failure(() -> reader.read(missing, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e).hasMessageContaining("missing").hasMessageContaining("s3://state/gone");
        assertThat(store.ranges()).hasSize(1);
        assertThat(reader.read(gone, 0, 10)).hasSize(10);
    }

    @Test
    void rangeBehindTheEndIsCorrupt() throws IOException {
        StoredObject cut = store("o", random(100), 300);

        LazyStateException behind = failure(() -> reader().read(cut, 200, 10));
        LazyStateException across = failure(() -> reader().read(cut, 90, 20));

        assertThat(List.of(behind, across)).allMatch(e -> e.kind() == Kind.CORRUPT);
        assertThat(across).hasMessageContaining("it has 100 bytes");
    }

    @Test
    void wrongCredentialsAndWrongRegionAreInvalidAndTellWhatToCheck() throws IOException {
        StoredObject object = store("o", random(10), 10);
        Configuration wrongKey = store.settings();
        wrongKey.setString("s3.access-key", "someone-else");
        LazyStateException key =
                failure(() -> reader(wrongKey, limits(NEVER, LONG), 3).read(object, 0, 10));
        lease.close();
        Configuration wrongRegion = store.settings();
        wrongRegion.setString("s3.region", "eu-west-1");
        LazyStateException region =
                failure(() -> reader(wrongRegion, limits(NEVER, LONG), 3).read(object, 0, 10));

        assertThat(key.kind()).isEqualTo(Kind.INVALID);
        assertThat(key).hasMessageContaining("s3.access-key");
        assertThat(region.kind()).isEqualTo(Kind.INVALID);
        assertThat(region).hasMessageContaining("s3.region");
        assertThat(store.ranges()).as("no retry helps").hasSize(2);
    }

    /** On a busy machine the second may come first, and stall in its place: then the first wins. */
    @Test
    void slowReadIsSentASecondTime() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(HEDGE_SOON, LONG), 1);
        int reads = 0;
        while (metrics.hedgesWon().sum() == 0) {
            reads++;
            store.failNext(R2Double.stall());

            assertThat(reader.read(object, 0, 10)).isEqualTo(random(10));

            assertThat(store.ranges()).hasSize(2 * reads);
            assertThat(metrics.hedges().sum()).isEqualTo(reads);
        }
        assertCounted(0, reads, 1);
    }

    @Test
    void whatIsAskedAgainIsCountedForTheReaderThatAsked() throws IOException {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(NEVER, LONG), 2);
        StoreMetrics others = new StoreMetrics();
        RangedReader other =
                new S3Reader(
                        lease.connections(),
                        new Retries(2, new Backoff(0, 0, () -> 0), Thread::sleep, others));
        store.failNext(R2Double.status(503, "SlowDown"));
        reader.read(object, 0, 10);
        store.failNext(R2Double.cutAfter(4));
        reader.download(object, 0, 10, directory.resolve("target"));
        assertCounted(2, 0, 0);
        assertThat(others.retries().sum()).isZero();

        store.failNext(R2Double.status(503, "SlowDown"));
        other.read(object, 0, 10);

        assertCounted(2, 0, 0);
        assertThat(others.retries().sum()).isEqualTo(1);
    }

    @Test
    void secondRequestThatFailsHasNotWon() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(HEDGE_SOON, LONG), 1);
        store.failNext(R2Double.stall(), R2Double.status(404, "NoSuchKey"));

        LazyStateException e = failure(() -> reader.read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertCounted(0, 1, 0);
    }

    private void assertCounted(int retries, int hedges, int won) {
        assertThat(metrics.retries().sum()).as("retries").isEqualTo(retries);
        assertThat(metrics.hedges().sum()).as("hedges").isEqualTo(hedges);
        assertThat(metrics.hedgesWon().sum()).as("hedges that won").isEqualTo(won);
    }

    @Test
    void secondRequestIsNotSentWhenTheirShareIsUsedUp() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader none = reader(new S3Limits(true, 8, 4, LONG, LONG, HEDGE_SOON, 0), 1);
        store.failNext(R2Double.stall());
        FutureTask<byte[]> read = new FutureTask<>(() -> none.read(object, 0, 10));
        Thread thread = new Thread(read);
        thread.start();
        store.awaitStalled();
        awaitNoTimeout(thread);

        store.release();

        assertThat(read.get()).isEqualTo(random(10));
        assertThat(store.ranges()).hasSize(1);
        assertCounted(0, 0, 0);
    }

    /**
     * Returns when a read has had its chance of a second request, and only waits for the answer.
     */
    private static void awaitNoTimeout(Thread reading) {
        Condition.await(
                "the time for a second request is over",
                () ->
                        reading.getState() == Thread.State.WAITING
                                && Arrays.stream(reading.getStackTrace())
                                        .anyMatch(S3ReaderTest::isOfTheRace));
    }

    private static boolean isOfTheRace(StackTraceElement frame) {
        return frame.getClassName().equals(S3Race.class.getName());
    }

    @Test
    void readOfWhichBothRequestsFailIsTriedAgain() throws Exception {
        StoredObject object = store("o", random(10), 10);
        S3Limits once = new S3Limits(true, 8, 4, LONG, LONG, HEDGE_SOON, Double.MIN_VALUE);
        store.failNext(R2Double.cutBehindTheNext(), R2Double.status(503, "SlowDown"));

        assertThat(reader(once, 2).read(object, 0, 10)).isEqualTo(random(10));

        assertThat(store.ranges()).hasSize(3);
        assertCounted(1, 1, 0);
    }

    @Test
    void stalledAttemptsAreGivenUpAndTriedAgain() throws Exception {
        byte[] content = random(100_000);
        StoredObject object = store("o", content, content.length);
        RangedReader reader = reader(limits(NEVER, SHORT), AS_OFTEN_AS_IT_TAKES);
        Path target = directory.resolve("target");
        store.failNext(R2Double.stallAfter(10));
        assertThat(reader.read(object, 0, 100)).isEqualTo(Arrays.copyOf(content, 100));
        store.awaitStalled();

        store.failNext(R2Double.stall());
        reader.download(object, 0, content.length, target);
        store.awaitStalled();

        assertThat(Files.readAllBytes(target)).isEqualTo(content);
        assertThat(metrics.retries().sum()).isGreaterThanOrEqualTo(2);
    }

    @Test
    void anAttemptThatStallsSaysThatItTookTooLong() throws IOException {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(NEVER, SHORT), 1);
        store.failNext(R2Double.stall());

        LazyStateException e = failure(() -> reader.read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("in time");
    }

    @Test
    void interruptingTheCallerEndsAReadAtOnce() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(NEVER, LONG), 5);
        store.failNext(R2Double.stall());

        LazyStateException e = interrupted(() -> reader.read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.CLOSED);
        assertThat(store.ranges()).hasSize(1);
        assertThat(reader.read(object, 0, 10)).as("others go on").hasSize(10);
    }

    @Test
    void interruptingTheCallerEndsADownloadAtOnceAndLeavesNoFile() throws Exception {
        byte[] content = random(9 << 20);
        StoredObject object = store("o", content, content.length);
        Path target = directory.resolve("target");
        RangedReader reader = reader(limits(NEVER, LONG), 5);
        store.failNext(R2Double.stallAfter(1000), R2Double.stallAfter(1000));

        LazyStateException e =
                interrupted(() -> reader.download(object, 0, content.length, target));

        assertThat(e.kind()).isEqualTo(Kind.CLOSED);
        assertThat(target).doesNotExist();
    }

    @Test
    void closingTheConnectionsEndsReads() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(limits(NEVER, LONG), 5);
        store.failNext(R2Double.stall());
        FutureTask<LazyStateException> read =
                new FutureTask<>(() -> failure(() -> reader.read(object, 0, 10)));
        new Thread(read).start();
        store.awaitStalled();

        lease.close();

        assertThat(read.get().kind()).isEqualTo(Kind.CLOSED);
        assertThat(failure(() -> reader.read(object, 0, 10)).kind()).isEqualTo(Kind.CLOSED);
    }

    @Test
    void requestThatFindsNoFreeConnectionIsUnavailable() throws Exception {
        StoredObject object = store("o", random(10), 10);
        RangedReader reader = reader(new S3Limits(true, 1, 4, SHORT, LONG, NEVER, 0), 1);
        store.failNext(R2Double.stall());
        FutureTask<LazyStateException> first =
                new FutureTask<>(() -> failure(() -> reader.read(object, 0, 10)));
        new Thread(first).start();
        store.awaitStalled();

        LazyStateException e = failure(() -> reader.read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(e).hasMessageContaining("busy");
        lease.close();
        assertThat(first.get().kind()).isEqualTo(Kind.CLOSED);
    }

    /** What a read that stalls fails with when its thread is interrupted. */
    private LazyStateException interrupted(Runnable read)
            throws InterruptedException, ExecutionException {
        FutureTask<LazyStateException> task =
                new FutureTask<>(
                        () -> {
                            LazyStateException e = failure(read);
                            assertThat(Thread.interrupted()).as("the flag is kept").isTrue();
                            return e;
                        });
        Thread thread = new Thread(task);
        thread.start();
        store.awaitStalled();
        thread.interrupt();
        return task.get();
    }
}
