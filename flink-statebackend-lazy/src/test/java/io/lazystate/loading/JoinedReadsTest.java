package io.lazystate.loading;

import static io.lazystate.paging.HeapRuns.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.manifest.Extent;
import io.lazystate.metrics.LoadCause;
import io.lazystate.metrics.LoadingMetrics;
import io.lazystate.paging.HeapRuns;
import io.lazystate.run.Crc32c;
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
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;

/** Small extents that lie side by side in one object come with one read. */
class JoinedReadsTest {
    @TempDir Path directory;

    private final LoadingMetrics metrics = new LoadingMetrics();
    private final List<ColdExtent> cold = new ArrayList<>();
    private final List<String> linked = new ArrayList<>();
    private final List<String> requests = new ArrayList<>();
    private final PageLoader loader =
            new PageLoader(
                    OneCopy.of(new Store()),
                    (cause, bytes, request) -> request.run(),
                    1 << 20,
                    metrics);
    private long joinedBytes = 1 << 20;
    private long damagedAt = -1;
    private boolean away;
    private Room room = Room.ENDLESS;

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
        assertThat(metrics.pendingPages().sum()).isZero();
    }

    @Test
    void neighboursComeWithOneReadWhateverTheirStates() throws Exception {
        List<Run> runs = runs(0, "a", "b", "c", "d");
        cold("s", runs.get(2));
        cold("t", runs.get(0));
        cold("t", runs.get(3));
        cold("s", runs.get(1));

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.COMPLETE);

        assertThat(requests).containsExactly("read " + from(runs.get(0), runs.get(3)));
        assertThat(linked).containsExactlyInAnyOrder("s c", "s b", "t a", "t d");
        assertThat(metrics.bytes(LoadCause.HYDRATE).sum())
                .isEqualTo(end(runs.get(3)) - runs.get(0).offset());
        assertThat(metrics.pages(LoadCause.HYDRATE).sum()).isEqualTo(4);
    }

    @Test
    void aReadIsBounded() throws Exception {
        List<Run> runs = runs(0, "a", "b", "c", "d", "e");
        runs.forEach(run -> cold("s", run));
        joinedBytes = end(runs.get(1)) - runs.get(0).offset();

        hydrator().run();

        assertThat(requests)
                .containsExactly(
                        "read " + from(runs.get(0), runs.get(1)),
                        "read " + from(runs.get(2), runs.get(3)),
                        "download " + from(runs.get(4), runs.get(4)));
        assertThat(linked).hasSize(5);
    }

    @Test
    void thoseFarApartAreReadAlone() throws Exception {
        runs(64 << 10, "a", "b").forEach(run -> cold("s", run));
        runs(0, "c").forEach(run -> cold("s", run));

        hydrator().run();

        assertThat(requests).hasSize(3).allMatch(request -> request.startsWith("download"));
    }

    @Test
    void aGapBetweenThemIsReadAlong() throws Exception {
        List<Run> runs = runs(32 << 10, "a", "b", "c");
        cold("s", runs.get(0));
        cold("s", runs.get(1));

        hydrator().run();

        assertThat(requests).containsExactly("read " + from(runs.get(0), runs.get(1)));
    }

    @Test
    void theHottestStillComesFirst() throws Exception {
        runs(0, "a", "b").forEach(run -> cold("s", run));
        List<Run> hot = runs(0, "c", "d");
        hot.forEach(run -> cold("s", run));
        loader.heat().touch(cold.get(3).extent(), 1);

        hydrator().run();

        assertThat(requests).hasSize(2).first().isEqualTo("read " + from(hot.get(0), hot.get(1)));
        assertThat(metrics.bytes(LoadCause.WARM_UP).sum())
                .as("from end to end")
                .isEqualTo(hot.get(1).pageTableOffset() - hot.get(0).offset());
    }

    @Test
    void aDamagedOneHarmsNoNeighbour() throws Exception {
        List<Run> runs = runs(0, "a", "b", "c");
        runs.forEach(run -> cold("s", run));
        damagedAt = runs.get(1).offset() + 20;

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.INCOMPLETE);

        assertThat(linked).containsExactly("s a", "s c");
        int each = 2; // what fails its check is read once more
        assertThat(requests).hasSize(each + 1 + each + 1 + each);
        assertThat(metrics.bytes(LoadCause.HYDRATE).sum())
                .as("only what was sound")
                .isEqualTo(runs.get(0).meta().tableBytes() + runs.get(2).meta().tableBytes());
    }

    @Test
    void whatIsAwayIsReadAgainEachAlone() throws Exception {
        runs(0, "a", "b").forEach(run -> cold("s", run));
        away = true;

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.COMPLETE);

        assertThat(requests).hasSize(3);
        assertThat(linked).containsExactly("s a", "s b");
    }

    @Test
    void eachTakesItsRoom() throws Exception {
        runs(0, "a", "b", "c").forEach(run -> cold("s", run));
        List<ColdExtent> here = new ArrayList<>();
        room =
                new Room() {
                    @Override
                    public boolean fits(ColdExtent next) {
                        return here.size() < 2 && here.add(next);
                    }

                    @Override
                    public void arrived(ColdExtent extent) {
                        assertThat(here).contains(extent);
                    }
                };

        assertThat(hydrator().run()).isEqualTo(Hydrator.End.FULL);

        assertThat(requests).hasSize(1);
        assertThat(linked).containsExactly("s a", "s b");
    }

    @Test
    void whatIsOnlyPartlyOnesOwnIsNotJoined() throws Exception {
        List<Run> runs = runs(0, "a", "b");
        cold("s", runs.get(0));
        cold.add(new ColdExtent("s", new Extent(bytes("b1"), null, runs.get(1), List.of())));

        hydrator().run();

        assertThat(requests).contains("download " + from(runs.get(0), runs.get(0)));
    }

    private List<Run> runs(int gapBytes, String... keys) throws Exception {
        return new HeapRuns(directory).writeTogether("object-" + keys[0], gapBytes, keys);
    }

    private void cold(String state, Run run) {
        cold.add(new ColdExtent(state, new Extent(bytes(""), null, run, List.of())));
    }

    private static long end(Run run) {
        return run.offset() + run.meta().tableBytes();
    }

    private static String from(Run first, Run last) {
        return first.object().name() + " " + first.offset() + " to " + end(last);
    }

    private Hydrator hydrator() {
        return new Hydrator(
                "op",
                new Target(),
                loader,
                (cause, bytes, request) -> request.run(),
                new HydrationSettings(
                        RunFormat.ofPages(1),
                        directory.resolve("work"),
                        1,
                        List.of(),
                        joinedBytes,
                        0),
                new HydrationPace(
                        () -> 0,
                        millis -> {},
                        new Backoff(1, 1, () -> 0),
                        new ByteRate(() -> 0),
                        Pressure.NONE),
                room);
    }

    private final class Store implements RangedReader {
        private final RangedReader store = new StateHandleReader();

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            requests.add("read " + object.name() + " " + offset + " to " + (offset + length));
            if (away) {
                away = false;
                throw new LazyStateException(Kind.UNAVAILABLE, Where.NOWHERE, "away", null);
            }
            byte[] bytes = store.read(object, offset, length);
            if (damagedAt >= offset && damagedAt < offset + length) {
                bytes[(int) (damagedAt - offset)]++;
            }
            return bytes;
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path file) {
            requests.add("download " + object.name() + " " + offset + " to " + (offset + length));
            int crc = store.download(object, offset, length, file);
            return damagedAt >= offset && damagedAt < offset + length ? ~crc : crc;
        }
    }

    /** Links nothing, but looks at the files it is given. */
    private final class Target implements LinkTarget {
        @Override
        public Pin pin(Predicate<ColdExtent> chosen) {
            List<ColdExtent> extents = cold.stream().filter(chosen).toList();
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
                public void close() {}
            };
        }

        private void link(List<Linkable> extents) {
            for (Linkable linkable : extents) {
                Run base = linkable.extent().extent().base();
                if (linkable.base() == null) {
                    continue; // none of its rows are the extent's
                }
                try {
                    byte[] table = Files.readAllBytes(linkable.base());
                    assertThat(Crc32c.of(table)).isEqualTo(base.meta().tableCrc32c());
                    Files.delete(linkable.base());
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
                linked.add(
                        linkable.extent().state()
                                + " "
                                + new String(base.meta().firstKey(), UTF_8));
            }
        }

        @Override
        public void linkingDone() {}
    }
}
