package io.lazystate.store;

import static io.lazystate.store.RangedReaderContract.failure;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.CapturedLog;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.metrics.StoreMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who reads what, who shares connections, and what is left when they are given back. */
class SchemeRouterTest {

    private static final S3Limits LIMITS =
            new S3Limits(
                    true, 8, 4, Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ZERO, 0);

    private final S3Clients clients = new S3Clients(false);
    private final FlinkReader flink = new FlinkReader();
    private final List<SchemeRouter> routers = new ArrayList<>();
    private R2Double store;

    @BeforeEach
    void startStore() throws IOException {
        store = new R2Double();
    }

    @AfterEach
    void stopStore() {
        routers.forEach(SchemeRouter::release);
        store.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3", "s3a", "s3n", "s3p"})
    void s3IsReadDirectly(String scheme) {
        store.put("a/b c", new byte[10]);

        assertThat(router(store.settings()).read(file(scheme + "://state/a/b c"), 0, 10))
                .hasSize(10);

        assertThat(store.ranges()).hasSize(1);
        assertThat(flink.reads).isZero();
    }

    @Test
    void everythingElseIsReadThroughFlink(@org.junit.jupiter.api.io.TempDir Path directory) {
        store.put("o", new byte[10]);
        SchemeRouter router = router(store.settings());
        List<StoredObject> others =
                List.of(
                        file("file:///state/o"),
                        file("hdfs://state/o"),
                        file("s3://key:secret@state/o"),
                        file("s3://state--usw2-az1--x-s3/o"),
                        file("s3://point--usw2-az1--xa-s3/o"),
                        object(new ByteStreamStateHandle("s3://state/o", new byte[10])),
                        StubHandle.failingToOpen(new IOException()));

        others.forEach(other -> router.read(other, 0, 10));
        others.forEach(other -> router.download(other, 0, 10, directory.resolve("f")));

        assertThat(flink.reads).isEqualTo(14);
        assertThat(store.ranges()).isEmpty();
    }

    @Test
    void flinkReadsS3TooIfItIsSwitchedOff() {
        S3Limits off = new S3Limits(false, 8, 4, Duration.ZERO, Duration.ZERO, Duration.ZERO, 0);

        router(store.settings(), off).read(file("s3://state/o"), 0, 10);

        assertThat(flink.reads).isEqualTo(1);
    }

    @Test
    void flinkReadsS3IfACredentialsProviderIsNotThereAndThatIsToldOnce() {
        Configuration settings = store.settings();
        settings.setString("fs.s3.aws.credentials.provider", "com.example.NoSuchProvider");
        List<String> log =
                CapturedLog.of(
                        Level.INFO,
                        () -> {
                            router(settings).read(file("s3://state/o"), 0, 10);
                            router(settings).read(file("s3://state/o"), 0, 10);
                        });

        assertThat(flink.reads).isEqualTo(2);
        assertThat(log)
                .filteredOn(line -> line.contains("Flink's file system"))
                .singleElement()
                .asString()
                .contains("com.example.NoSuchProvider");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "AnonymousCredentialsProvider",
                "software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider",
                "org.apache.flink.fs.s3native.shaded.software.amazon.awssdk.auth.credentials"
                        + ".AnonymousCredentialsProvider"
            })
    void credentialsProviderIsFoundUnderEachNameOfTheSdk(String name) {
        Configuration settings = store.settings();
        settings.setString("fs.s3.aws.credentials.provider", name);

        assertThat(clients.lease(settings, LIMITS)).isNotNull().satisfies(S3Clients.Lease::close);
    }

    @Test
    void flinkReadsIfItMayAndWeMayNot() {
        StoredObject object = object(store.put("o", new byte[10]));
        Configuration settings = store.settings();
        settings.setString("s3.access-key", "someone-else");
        SchemeRouter router = router(settings);
        List<String> log =
                CapturedLog.of(
                        Level.WARN,
                        () -> {
                            router.read(object, 0, 10);
                            router.read(object, 0, 10);
                        });

        assertThat(flink.reads).isEqualTo(2);
        assertThat(store.ranges()).as("not tried again").hasSize(1);
        assertThat(log).singleElement().asString().contains("Flink's file system", "403");
    }

    @Test
    void refusalIsToldIfFlinkMayNotReadEither() {
        StoredObject object = object(store.put("o", new byte[10]));
        Configuration settings = store.settings();
        settings.setString("s3.access-key", "someone-else");
        flink.failure = new LazyStateException(Kind.UNAVAILABLE, Where.NOWHERE, "403", null);

        LazyStateException e = failure(() -> router(settings).read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.INVALID);
        assertThat(e.getSuppressed()).containsExactly(flink.failure);
    }

    @Test
    void refusalAfterASuccessIsNotHidden() {
        StoredObject object = object(store.put("o", new byte[10]));
        SchemeRouter router = router(store.settings());
        router.read(object, 0, 10);
        store.failNext(R2Double.status(403, "AccessDenied"));

        assertThat(failure(() -> router.read(object, 0, 10)).kind()).isEqualTo(Kind.INVALID);
        assertThat(flink.reads).isZero();
    }

    @Test
    void backendsOfATaskManagerShareConnectionsUntilTheLastOneGivesThemBack() throws Exception {
        StoredObject object = object(store.put("o", new byte[10]));
        SchemeRouter first = router(store.settings());
        SchemeRouter second = router(store.settings());
        first.read(object, 0, 10);
        second.read(object, 0, 10);
        assertThat(store.connections()).as("one, for both").isEqualTo(1);

        first.release();
        first.release();
        second.read(object, 0, 10);
        assertThat(failure(() -> first.read(object, 0, 10)).kind()).isEqualTo(Kind.CLOSED);
        assertThat(store.connections()).isEqualTo(1);
        assertThat(ownThreads()).isNotEmpty();

        second.release();
        joinOwnThreads();
        router(store.settings()).read(object, 0, 10);
        assertThat(store.connections()).as("a new one").isEqualTo(2);
    }

    @Test
    void taskThatStartsAgainFindsConnectionsOpen() throws Exception {
        StoredObject object = object(store.put("o", new byte[10]));
        S3Clients lingering = new S3Clients(true);
        SchemeRouter first = router(lingering, store.settings());
        first.read(object, 0, 10);
        first.release();

        router(lingering, store.settings()).read(object, 0, 10);
        assertThat(store.connections()).isEqualTo(1);

        S3Clients.Lease last = lingering.lease(store.settings(), LIMITS);
        last.connections().giveUp(); // of no use to anybody: closed at once
        routers.forEach(SchemeRouter::release);
        last.close();
        joinOwnThreads();
    }

    @Test
    void connectionsThatNobodyComesBackForAreClosedWhenTheyHaveBeenIdle() throws Exception {
        Configuration settings = store.settings();
        settings.setString("s3.connection.max-idle-time", "1 ms");
        SchemeRouter router = router(new S3Clients(true), settings);
        router.read(object(store.put("o", new byte[10])), 0, 10);
        assertThat(ownThreads()).isNotEmpty();

        router.release();
        joinOwnThreads();
    }

    @Test
    void noSecretIsLogged() {
        StoredObject object = object(store.put("o", new byte[10]));
        Configuration unreadable = store.settings();
        unreadable.setString("s3.path-style-access", "hidden");
        store.failNext(R2Double.status(403, "SignatureDoesNotMatch"));
        List<String> log =
                CapturedLog.of(
                        Level.DEBUG,
                        () -> {
                            SchemeRouter router = router(store.settings());
                            flink.failure =
                                    new LazyStateException(
                                            Kind.UNAVAILABLE, Where.NOWHERE, "", null);
                            log(failure(() -> router.read(object, 0, 10)));
                            flink.failure = null;
                            router.read(object, 0, 10);
                            router(unreadable).read(object, 0, 10);
                        });

        assertThat(log).anyMatch(line -> line.contains("Reads S3 directly"));
        assertThat(log).anyMatch(line -> line.contains("cannot be read"));
        assertThat(log)
                .as("the HTTP client's log too")
                .anyMatch(line -> line.contains("bytes=0-9"));
        assertThat(log)
                .noneMatch(line -> line.contains(R2Double.SECRET_KEY) || line.contains("hidden"));
    }

    private static void log(LazyStateException e) {
        LogManager.getLogger(SchemeRouterTest.class).warn("as a task would", e);
    }

    private SchemeRouter router(Configuration settings) {
        return router(settings, LIMITS);
    }

    private SchemeRouter router(Configuration settings, S3Limits limits) {
        return router(clients, settings, limits);
    }

    private SchemeRouter router(S3Clients from, Configuration settings) {
        return router(from, settings, LIMITS);
    }

    private SchemeRouter router(S3Clients from, Configuration settings, S3Limits limits) {
        Retries retries =
                new Retries(1, new Backoff(0, 0, () -> 0), Thread::sleep, new StoreMetrics());
        SchemeRouter router = new SchemeRouter(flink, from, settings, limits, retries);
        routers.add(router);
        return router;
    }

    private static StoredObject file(String path) {
        return object(new FileStateHandle(new org.apache.flink.core.fs.Path(path), 10));
    }

    private static StoredObject object(StreamStateHandle handle) {
        return new StoredObject("o", 10, handle);
    }

    private static void joinOwnThreads() throws InterruptedException {
        for (Thread thread : ownThreads()) {
            thread.join(); // hangs if it is not told to end
        }
    }

    /** Ours, and the one with which the HTTP client drops idle connections. */
    private static List<Thread> ownThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(
                        thread ->
                                Stream.of("lazy-state-s3", "idle-connection-reaper", "sdk-")
                                        .anyMatch(thread.getName()::startsWith))
                .sorted(Comparator.comparing(Thread::getName))
                .toList();
    }

    /** Stands for Flink's file systems. */
    private static final class FlinkReader implements RangedReader {
        private int reads;
        private LazyStateException failure;

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            note();
            return new byte[length];
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            note();
            return 0;
        }

        private void note() {
            if (failure != null) {
                throw failure;
            }
            reads++;
        }
    }
}
