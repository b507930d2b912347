package io.lazystate.loading;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.HeapRuns;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.store.Backoff;
import io.lazystate.store.OneCopy;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StateHandleReader;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.flink.testutils.logging.LoggerAuditingExtension;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;
import org.slf4j.event.Level;

/** In which order extents are hydrated, how fast, and what happens when the store fails. */
class HydratorTest {
    /** After a failure n the wait is 2^(n-1) seconds, at most 8. */
    private static final Backoff BACKOFF = new Backoff(1_000, 8_000, () -> 1 - 1e-12);

    private static final int MOST_PAUSES = 12;

    @TempDir Path directory;

    private final LoadingMetrics metrics = new LoadingMetrics();
    private final Store store = new Store();
    private final Target target = new Target();
    private final List<Long> pauses = new ArrayList<>();
    private final PageLoader loader =
            new PageLoader(
                    OneCopy.of(store), (cause, bytes, request) -> request.run(), 1 << 20, metrics);
    private final Disk disk = new Disk();
    private Room room = Room.ENDLESS;
    private Pressure pressure = Pressure.NONE;
    private List<String> statesFirst = List.of();
    private long maxBytesPerSecond;
    private long joinedBytes;
    private long nanos;
    private int pausesWhileLinking;
    private Runnable onSleep = () -> {};

    @RegisterExtension
    private final LoggerAuditingExtension log =
            new LoggerAuditingExtension(Hydrator.class, Level.INFO);

    @BeforeEach
    void load() throws IOException {
        RocksDB.loadLibrary();
        Files.createDirectory(directory.resolve("work"));
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("work"))) {
            assertThat(files).as("files on their way").isEmpty();
        }
        assertThat(target.pinned).isZero();
        assertThat(metrics.pendingPages().sum()).isZero();
    }

    @Test
    void aStoreThatIsAwayIsAskedAgainLater() throws Exception {
        extents("s", 5);
        store.onDownload = object -> unavailableIf(pauses.size() < 3, object);

        hydrator().run();

        assertThat(target.linked).containsExactlyInAnyOrder("s0", "s1", "s2", "s3", "s4");
        assertThat(pauses).containsExactly(1_000L, 2_000L, 4_000L);
        assertThat(failuresLogged()).isEmpty();
    }

    @Test
    void anObjectThatIsAwayHoldsUpNoOther() throws Exception {
        extents("s", 5);
        store.onDownload =
                object -> unavailableIf(object.equals("s1") && pauses.size() < 4, object);

        hydrator().run();

        assertThat(target.linked).hasSize(5).endsWith("s1");
    }

    @Test
    void aStoreThatStaysAwayIsGivenUp() throws Exception {
        extents("s", 30);
        store.onDownload = object -> unavailableIf(true, object);

        hydrator().run();

        assertThat(target.linked).isEmpty();
        assertThat(pauses).hasSize(MOST_PAUSES).endsWith(8_000L);
        assertThat(store.downloads).hasSizeLessThanOrEqualTo(2 * (1 + MOST_PAUSES));
        assertThat(failuresLogged())
                .as("ten by name, and their number")
                .hasSize(11)
                .last()
                .asString()
                .startsWith("30 extents of op, ")
                .endsWith("hydrated after the next restart");
    }

    @Test
    void whatIsDamagedIsFetchedOnceMoreAtTheEnd() throws Exception {
        extents("s", 4);
        store.onDownload =
                object -> {
                    boolean first = Collections.frequency(store.downloads, object) == 1;
                    if (object.equals("s0") || (object.equals("s1") && first)) {
                        throw new LazyStateException(
                                Kind.CORRUPT, Where.object(object), "damaged", null);
                    }
                };

        hydrator().run();

        assertThat(target.linked).containsExactly("s2", "s3", "s1");
        assertThat(store.downloads).containsExactly("s0", "s1", "s2", "s3", "s0", "s1");
        assertThat(pauses).isEmpty();
        assertThat(failuresLogged()).hasSize(2).first().asString().contains("s0");
    }

    @Test
    void filesThatCannotBeLinkedHarmNoOtherState() throws Exception {
        extents("bad", 1);
        extents("good", 1);
        target.failing = "bad";

        hydrator().run();

        assertThat(target.linked).containsExactly("good0");
        assertThat(store.downloads).containsExactly("bad0", "good0", "bad0");
    }

    @Test
    void statesOfTheListComeFirstThenWhatIsReadMost() throws Exception {
        extents("a", 2);
        List<ColdExtent> read = extents("b", 3);
        extents("c", 2);
        statesFirst = List.of("unknown", "c");
        loader.heat().touch(read.get(1).extent(), 1);
        loader.heat().touch(read.get(2).extent(), 1);
        loader.heat().touch(read.get(2).extent(), 1);

        hydrator().run();

        assertThat(store.downloads).containsExactly("c0", "c1", "b2", "b1", "a0", "a1", "b0");
    }

    @Test
    void theOrderFollowsWhatIsReadMeanwhile() throws Exception {
        List<ColdExtent> extents = extents("s", 5);
        target.onLink = linked -> loader.heat().touch(extents.get(4).extent(), 1);

        hydrator().run();

        assertThat(store.downloads).containsExactly("s0", "s1", "s4", "s2", "s3");
    }

    @Test
    void whatWasReadLongAgoIsForgotten() throws Exception {
        List<ColdExtent> extents = extents("s", 2);
        for (int i = 0; i < 1_000; i++) {
            loader.heat().touch(extents.get(0).extent(), 16);
        }
        assertThat(loader.heat().of(extents.get(0).extent())).isBetween(15_000.0, 16_000.0);
        for (int i = 0; i < 6_000; i++) {
            loader.heat().touch(extents.get(1).extent(), 1_000);
        }

        assertThat(loader.heat().of(extents.get(0).extent())).isBetween(100.0, 1_000.0);
        assertThat(loader.heat().of(extents.get(1).extent())).isLessThan(2_000_000);
    }

    @Test
    void theRateHoldsOnAverage() throws Exception {
        long bytes = extents("s", 6).stream().mapToLong(ColdExtent::bytes).sum();
        long last = target.cold.get(5).bytes();
        maxBytesPerSecond = 100;

        hydrator().run();

        assertThat(target.linked).hasSize(6);
        assertThat(TimeUnit.NANOSECONDS.toMillis(nanos))
                .isBetween(10 * (bytes - last), 10 * (bytes - last) + 6);
    }

    @Test
    void noFetchStartsWhileTheTaskWaitsForAPage() throws Exception {
        List<ColdExtent> extents = extents("s", 3);
        Thread hydration = new Thread(hydrator()::run);
        store.onRead =
                object -> {
                    if (hydration.getState() == Thread.State.NEW) {
                        hydration.start();
                        while (hydration.getState() != Thread.State.WAITING
                                && hydration.isAlive()) {
                            Thread.onSpinWait();
                        }
                        assertThat(store.downloads).isEmpty();
                    }
                };

        loader.demand(List.of(new PageId(extents.get(0).extent().base(), 0)));
        hydration.join();

        assertThat(target.linked).containsExactly("s0", "s1", "s2");
    }

    @Test
    @Timeout(60)
    void aTaskThatAlwaysWaitsDoesNotStopItForGood() throws Exception {
        extents("s", 3);
        loader.waits().begin();
        Thread hydration = new Thread(hydrator()::run);
        hydration.start();
        while (hydration.isAlive() && !Thread.currentThread().isInterrupted()) {
            loader.waits().begin();
            loader.waits().end();
        }

        assertThat(target.linked).hasSize(3);
    }

    @Test
    void progressIsLoggedEveryHalfMinuteAndAtTheEnd() throws Exception {
        extents("s", 10);
        target.onLink = linked -> nanos += TimeUnit.SECONDS.toNanos(11);

        hydrator().run();

        long bytes = target.cold.stream().mapToLong(ColdExtent::bytes).sum();
        assertThat(log.getMessages())
                .hasSize(3)
                .first()
                .asString()
                .startsWith("Hydrated 3 of 10 extents of op so far")
                .endsWith("in 44000 ms");
        assertThat(log.getMessages())
                .last()
                .isEqualTo(
                        "Hydrated 10 of 10 extents of op, "
                                + bytes
                                + " of "
                                + bytes
                                + " bytes, in 110000 ms");
    }

    @Test
    void whatFailsInAPreloadIsLeftForLater() throws Exception {
        extents("s", 4);
        extents("other", 1);
        store.onDownload =
                object -> unavailableIf(object.equals("s1") || object.equals("s2"), object);

        Hydrator.Preloaded preloaded = hydrator().preload("s"::equals, Duration.ofSeconds(5));

        assertThat(target.linked).containsExactly("s0", "s3");
        assertThat(preloaded.failures()).isEqualTo(2);
        assertThat(preloaded.firstFailure()).hasMessageContaining("s1");
        assertThat(preloaded.expired()).isFalse();
        assertThat(metrics.pages(LoadCause.PRELOAD).sum()).isEqualTo(2);
    }

    @Test
    void aPreloadEndsWithItsTime() throws Exception {
        extents("s", 9);
        store.onDownload = object -> nanos += TimeUnit.SECONDS.toNanos(1);

        Hydrator.Preloaded preloaded = hydrator().preload("s"::equals, Duration.ofSeconds(5));

        assertThat(preloaded.expired()).isTrue();
        assertThat(store.downloads).hasSize(5);
        assertThat(target.linked).hasSize(5);
    }

    @Test
    void itGivesWayToPressure() throws Exception {
        extents("s", 6);
        pressure = () -> target.linked.size() == 2 && pauses.size() < 5 ? "the disk is busy" : null;

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.COMPLETE);

        assertThat(pauses).containsExactly(500L, 500L, 500L, 500L, 500L);
        assertThat(target.linked).hasSize(6);
        assertThat(pauseLines()).containsExactly("Hydration of op pauses, since the disk is busy");
        assertPaused(1, 2_500);
    }

    @Test
    void whatIsUnderWayComesEvenUnderPressure() throws Exception {
        extents("s", 4);
        pressure = () -> store.downloads.size() == 1 && pauses.isEmpty() ? "busy" : null;
        List<Integer> linkedAtPause = new ArrayList<>();
        onSleep = () -> linkedAtPause.add(target.linked.size());

        hydrator().run();

        assertThat(linkedAtPause).as("the one that had begun").containsExactly(1);
    }

    @Test
    void underLastingPressureOneExtentComesEachMinute() throws Exception {
        extents("s", 3);
        pressure = () -> "the heap is full";
        List<Long> fetchedAt = new ArrayList<>();
        store.onDownload = object -> fetchedAt.add(TimeUnit.NANOSECONDS.toSeconds(nanos));

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.COMPLETE);

        assertThat(fetchedAt).containsExactly(60L, 120L, 180L);
        assertThat(pauseLines()).as("one pause, one line").hasSize(1);
        assertPaused(1, 180_000);
    }

    @Test
    void eachPauseIsToldOnce() throws Exception {
        extents("s", 4);
        pressure =
                () -> {
                    int linked = target.linked.size();
                    return linked % 2 == 0 && pauses.size() <= linked / 2 ? "busy" : null;
                };

        hydrator().run();

        assertThat(pauseLines()).hasSize(2);
        assertThat(target.linked).hasSize(4);
        assertPaused(2, 1_000);
    }

    @Test
    void whatATaskWaitsForGivesWayToNoPressure() throws Exception {
        extents("s", 3);
        pressure = () -> "busy";

        hydrator().hydrate("s"::equals, () -> true);
        hydrator().preload("s"::equals, Duration.ofSeconds(5));

        assertThat(target.linked).hasSize(6);
        assertThat(pauses).isEmpty();
    }

    @Test
    void theDatabaseDoesItsNormalWorkInEveryPause() throws Exception {
        extents("s", 4);
        pressure = () -> target.linked.size() == 2 && pauses.isEmpty() ? "busy" : null;
        hydrator().run();
        assertThat(pauses).containsExactly(500L);

        pressure = Pressure.NONE;
        target.linked.clear();
        pauses.clear();
        store.onDownload =
                object -> unavailableIf(target.linked.size() == 2 && pauses.isEmpty(), object);
        hydrator().run();
        assertThat(pauses).containsExactly(1_000L);

        pauses.clear();
        maxBytesPerSecond = 10;
        hydrator().run();
        assertThat(pauses).hasSize(3).allMatch(millis -> millis > 1_000);
        assertThat(pausesWhileLinking).isZero();
    }

    private List<String> pauseLines() {
        return log.getMessages().stream().filter(line -> line.contains(" pauses, ")).toList();
    }

    private void assertPaused(int times, long millis) {
        assertThat(metrics.recovery().prewarmPauses().sum()).isEqualTo(times);
        assertThat(metrics.recovery().prewarmPausedMillis().sum()).isEqualTo(millis);
    }

    @Test
    void whatDoesNotFitStaysCold() throws Exception {
        extents("s", 6);
        room = disk;
        disk.extentsLeft = 4;

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.FULL);

        assertThat(target.linked).containsExactly("s0", "s1", "s2", "s3");
        assertThat(store.downloads).hasSize(4);
        assertThat(failuresLogged()).isEmpty();
        assertThat(log.getMessages())
                .first()
                .asString()
                .startsWith("2 extents of op, ")
                .contains("stay cold for lack of local room");
        assertThat(disk.calls)
                .as("asked no more after a no")
                .containsExactlyElementsOf(
                        List.of(
                                "s0 yes",
                                "s1 yes",
                                "s0 arrived",
                                "s1 arrived",
                                "s2 yes",
                                "s3 yes",
                                "s2 arrived",
                                "s3 arrived",
                                "s4 no"));
    }

    @Test
    void thereIsRoomForExtentsOnTheirWay() throws Exception {
        extents("s", 3);
        room = disk;
        disk.extentsLeft = 1;

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.FULL);

        assertThat(target.linked).as("two at a time, but only one fits").containsExactly("s0");
        assertThat(disk.calls).containsExactly("s0 yes", "s1 no", "s0 arrived");
    }

    @Test
    void whatIsFetchedIsWhatRoomWasTakenFor() throws Exception {
        List<ColdExtent> extents = extents("s", 6);
        room = disk;
        disk.extentsLeft = 100;
        disk.onFits = next -> extents.forEach(other -> heatUp(other, next));

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.COMPLETE);

        assertThat(disk.calls).hasSize(12).doesNotHaveDuplicates();
        assertThat(disk.underWay).isZero();
    }

    /** Makes all but one hotter, as a task does that reads meanwhile. */
    private void heatUp(ColdExtent extent, ColdExtent butNot) {
        if (extent != butNot) {
            loader.heat().touch(extent.extent(), 1);
        }
    }

    @Test
    void roomIsGivenBackWhateverHappens() throws Exception {
        extents("bad", 1);
        extents("s", 3);
        room = disk;
        disk.extentsLeft = 100;
        target.failing = "bad";
        store.onDownload = object -> unavailableIf(object.equals("s1"), object);

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.INCOMPLETE);
        assertThat(disk.underWay).isZero();

        assertThatThrownBy(() -> hydrator().hydrate("s"::equals, () -> true))
                .hasMessageContaining("s1");
        assertThat(disk.underWay).isZero();

        Thread.currentThread().interrupt();
        try {
            Hydrator stopped = hydrator((cause, bytes, request) -> {});
            assertThat(stopped.run()).isEqualTo(Hydrator.End.STOPPED);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(disk.underWay).isZero();
    }

    @Test
    void anExtentThatFailedBeforeTheDiskWasFullIsNoFailure() throws Exception {
        extents("s", 4);
        room = disk;
        disk.extentsLeft = 2;
        store.onDownload = object -> unavailableIf(object.equals("s0"), object);

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.FULL);

        assertThat(target.linked).containsExactly("s1");
        assertThat(failuresLogged()).isEmpty();
        assertThat(log.getMessages())
                .anySatisfy(line -> assertThat(line).startsWith("3 extents of op, "));
    }

    @Test
    void aPreloadIsNotLargerThanTheRoomForIt() throws Exception {
        extents("s", 4);
        room = disk;
        disk.extentsLeft = 3;

        Hydrator.Preloaded preloaded = hydrator().preload("s"::equals, Duration.ofSeconds(5));

        assertThat(preloaded).isEqualTo(new Hydrator.Preloaded(false, true, 0, null));
        assertThat(target.linked).containsExactly("s0", "s1", "s2");
    }

    @Test
    void eagerLoadingEndsWithTheRoomAndAMigrationDoesNot() throws Exception {
        extents("s", 4);
        room = disk;
        disk.extentsLeft = 1;

        assertThat(hydrator().hydrate("s"::equals, () -> true)).isFalse();
        assertThat(target.linked).containsExactly("s0");

        target.linked.clear();
        hydrator().loadWhole("s");
        assertThat(target.linked).containsExactly("s0", "s1", "s2", "s3");

        room = Room.ENDLESS;
        assertThat(hydrator().hydrate("s"::equals, () -> true)).isTrue();
    }

    /** Memory was short for a moment, perhaps by the fault of another task of the process. */
    @Test
    void anErrorOfTheMachineIsTheFailureOfOneExtent() throws Exception {
        extents("s", 4);
        AtomicBoolean once = new AtomicBoolean();
        store.onDownload =
                object -> {
                    if (object.equals("s1") && once.compareAndSet(false, true)) {
                        throw new OutOfMemoryError("thrown by the test");
                    }
                };

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.COMPLETE);

        assertThat(target.linked).containsExactlyInAnyOrder("s0", "s1", "s2", "s3");
    }

    private Hydrator hydrator() {
        return hydrator((cause, bytes, request) -> request.run());
    }

    private Hydrator hydrator(LoadExecutor executor) {
        HydrationPace pace =
                new HydrationPace(
                        () -> nanos,
                        millis -> {
                            onSleep.run();
                            pauses.add(millis);
                            pausesWhileLinking += target.linking ? 1 : 0;
                            nanos += TimeUnit.MILLISECONDS.toNanos(millis);
                        },
                        BACKOFF,
                        new ByteRate(() -> nanos),
                        pressure);
        return new Hydrator(
                "op",
                target,
                loader,
                executor,
                new HydrationSettings(
                        RunFormat.ofPages(1),
                        directory.resolve("work"),
                        2,
                        statesFirst,
                        joinedBytes,
                        maxBytesPerSecond),
                pace,
                room);
    }

    /** Cold extents in objects that are named after the state and numbered. */
    private List<ColdExtent> extents(String state, int count) throws Exception {
        HeapRuns runs = new HeapRuns(directory);
        List<ColdExtent> extents = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Run base = runs.write(state + i, "value", "key");
            extents.add(new ColdExtent(state, new Extent(bytes(""), null, base, List.of())));
        }
        target.cold.addAll(extents);
        return extents;
    }

    private List<String> failuresLogged() {
        return log.getMessages().stream().filter(line -> line.contains("not be hydrated")).toList();
    }

    private static void unavailableIf(boolean condition, String object) {
        if (condition) {
            throw new LazyStateException(Kind.UNAVAILABLE, Where.object(object), "away", null);
        }
    }

    private static final class Store implements RangedReader {
        private final RangedReader store = new StateHandleReader();
        private final List<String> downloads = Collections.synchronizedList(new ArrayList<>());
        private final List<String> reads = Collections.synchronizedList(new ArrayList<>());
        private volatile Consumer<String> onDownload = object -> {};
        private volatile Consumer<String> onRead = object -> {};

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            reads.add(object.name() + " " + offset + " " + length);
            onRead.accept(object.name());
            return store.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path file) {
            downloads.add(object.name());
            onDownload.accept(object.name());
            return store.download(object, offset, length, file);
        }
    }

    /** Has room for so many extents. */
    private static final class Disk implements Room {
        private final List<String> calls = new ArrayList<>();
        private Consumer<ColdExtent> onFits = next -> {};
        private int extentsLeft;
        private int underWay;

        @Override
        public boolean fits(ColdExtent next) {
            boolean fits = extentsLeft-- > 0;
            underWay += fits ? 1 : 0;
            calls.add(name(next) + (fits ? " yes" : " no"));
            onFits.accept(next);
            return fits;
        }

        @Override
        public void arrived(ColdExtent extent) {
            underWay--;
            calls.add(name(extent) + " arrived");
        }

        private static String name(ColdExtent extent) {
            return extent.extent().base().object().name();
        }
    }

    /** Links nothing, but notes what it was given. */
    private static final class Target implements LinkTarget {
        private final List<ColdExtent> cold = new ArrayList<>();
        private final List<String> linked = Collections.synchronizedList(new ArrayList<>());
        private Consumer<String> onLink = object -> {};
        private String failing = "";
        private int pinned;
        private boolean linking;

        @Override
        public Pin pin(Predicate<ColdExtent> chosen) {
            List<ColdExtent> extents = cold.stream().filter(chosen).toList();
            pinned++;
            return new Pin() {
                @Override
                public List<ColdExtent> extents() {
                    return extents;
                }

                @Override
                public void link(List<Linkable> fetched) {
                    Target.this.link(fetched);
                }

                @Override
                public void close() {
                    pinned--;
                }
            };
        }

        private void link(List<Linkable> extents) {
            linking = true;
            for (Linkable linkable : extents) {
                try {
                    Files.delete(linkable.base());
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
                if (linkable.extent().state().equals(failing)) {
                    throw new LazyStateException(Kind.INTERNAL, Where.NOWHERE, "no link", null);
                }
                String name = linkable.extent().extent().base().object().name();
                linked.add(name);
                onLink.accept(name);
            }
        }

        @Override
        public void linkingDone() {
            linking = false;
        }
    }
}
