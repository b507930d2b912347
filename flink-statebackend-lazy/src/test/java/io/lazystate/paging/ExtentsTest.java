package io.lazystate.paging;

import static io.lazystate.paging.HeapRuns.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.LazyStateException;
import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.paging.ExtentState.Phase;
import io.lazystate.run.Run;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;

/** Which step an extent may take from which state: the table of docs/design/0010. */
class ExtentsTest {
    private static final BitSet FIRST = BitSet.valueOf(new long[] {1});

    @TempDir Path directory;

    private final LinkLock lock = new LinkLock();
    private final RowMoves moves = new RowMoves();
    private final Pins pins = new Pins(new StateRegistry());
    private Extent withRuns;
    private Extent withoutRuns;
    private Extent rest;

    @BeforeEach
    void write() throws Exception {
        RocksDB.loadLibrary();
        Run run = new HeapRuns(directory).write("run", "v", "a", "b");
        withRuns = new Extent(new byte[0], bytes("m"), run, List.of());
        withoutRuns = new Extent(new byte[0], bytes("m"), null, List.of());
        rest = new Extent(bytes("m"), null, null, List.of());
    }

    private interface Step {
        void take(Extents of) throws RocksDBException;
    }

    private void assertStep(Set<Phase> from, Phase to, Step step) throws Exception {
        for (Phase phase : Phase.values()) {
            Extents extents = in(phase);
            if (from.contains(phase)) {
                step.take(extents);
                assertThat(extents.map().phase(0)).as("from " + phase).isEqualTo(to);
            } else {
                assertThatThrownBy(() -> step.take(extents))
                        .as("from " + phase)
                        .isInstanceOf(LazyStateException.class)
                        .hasMessageContaining(phase.name());
                assertThat(extents.map().phase(0)).isEqualTo(phase);
            }
            assertThat(extents.map().phase(1)).isEqualTo(Phase.RESIDENT);
        }
    }

    /** A state with two extents, the first one in a phase that it came to by its steps. */
    private Extents in(Phase phase) throws RocksDBException {
        Extents extents = new Extents("state");
        extents.restore(StateLayout.of(List.of(withRuns, rest)));
        try (LinkLock.Held link = lock.take()) {
            switch (phase) {
                case COLD -> {}
                case LINKING -> extents.beginLink(link, withRuns);
                case LINKED -> link(extents, link);
                case RESIDENT -> arrive(extents, link);
                case LEAVING -> {
                    arrive(extents, link);
                    leave(extents);
                }
                case STALE -> {
                    arrive(extents, link);
                    drop(extents);
                }
            }
        }
        assertThat(extents.map().phase(0)).isEqualTo(phase);
        return extents;
    }

    private void link(Extents extents, LinkLock.Held link) {
        extents.beginLink(link, withRuns);
        extents.endLink(link, withRuns);
    }

    private void arrive(Extents extents, LinkLock.Held link) throws RocksDBException {
        link(extents, link);
        moves.move(move -> extents.arrive(move, 0));
    }

    private void leave(Extents extents) throws RocksDBException {
        pins.ifNone(none -> moves.move(move -> extents.leave(none, move, FIRST, 7)));
    }

    private void drop(Extents extents) throws RocksDBException {
        pins.ifNone(none -> moves.move(move -> extents.drop(none, move, FIRST)));
    }

    @Test
    void arrival() throws Exception {
        assertStep(
                EnumSet.of(Phase.LINKED, Phase.LEAVING),
                Phase.RESIDENT,
                extents -> moves.move(move -> extents.arrive(move, 0)));
    }

    @Test
    void leaving() throws Exception {
        assertStep(EnumSet.of(Phase.RESIDENT), Phase.LEAVING, this::leave);
        assertStep(EnumSet.of(Phase.RESIDENT), Phase.STALE, this::drop);
    }

    @Test
    void theEndOfALink() throws Exception {
        try (LinkLock.Held link = lock.take()) {
            Set<Phase> linking = EnumSet.of(Phase.LINKING);
            assertStep(linking, Phase.LINKED, extents -> extents.endLink(link, withRuns));
            assertStep(linking, Phase.COLD, extents -> extents.giveUpLink(link, withRuns, false));
            assertStep(linking, Phase.STALE, extents -> extents.giveUpLink(link, withRuns, true));
        }
    }

    @Test
    void purging() throws Exception {
        try (LinkLock.Held link = lock.take()) {
            assertStep(
                    EnumSet.of(Phase.STALE),
                    Phase.COLD,
                    extents -> extents.purged(link, withRuns.lower(), withRuns.upper()));
        }
    }

    @Test
    void onlyWhatIsColdIsLinked() throws Exception {
        try (LinkLock.Held link = lock.take()) {
            for (Phase phase : Phase.values()) {
                Extents extents = in(phase);
                assertThat(extents.beginLink(link, withRuns)).isEqualTo(phase == Phase.COLD);
            }
            Extent whole = new Extent(new byte[0], null, null, List.of());
            assertThat(in(Phase.COLD).beginLink(link, whole)).as("part is resident").isFalse();
        }
    }

    @Test
    void onlyWhatIsColdAndHasNoRunsIsTakenBackAsItIs() throws Exception {
        for (Phase phase : Phase.values()) {
            Extents extents = in(phase);
            assertThat(extents.linkNothing(0)).as("with runs, " + phase).isFalse();
            StateLayout emptied = StateLayout.of(List.of(withoutRuns, rest));
            moves.move(move -> extents.adopt(move, emptied, 0));
            assertThat(extents.linkNothing(0)).as(phase.name()).isEqualTo(phase == Phase.COLD);
        }
    }

    @Test
    void whatLeavesIsStaleWithTheFirstCheckpointThatHasAllOfIt() throws Exception {
        StateLayout layout = StateLayout.of(List.of(withRuns, rest));
        Extents extents = in(Phase.LEAVING);
        moves.move(move -> extents.adopt(move, layout, 6));
        assertThat(extents.map().phase(0)).isEqualTo(Phase.LEAVING);
        moves.move(move -> extents.adopt(move, layout, 7));
        assertThat(extents.map().phase(0)).isEqualTo(Phase.STALE);
    }

    @Test
    void partsOfAnExtentGoOnAsItsWhole() throws Exception {
        Extent head = new Extent(new byte[0], bytes("b"), withRuns.base(), List.of());
        Extent tail = new Extent(bytes("b"), bytes("m"), null, List.of());
        StateLayout parts = StateLayout.of(List.of(head, tail, rest));
        for (Phase phase : Phase.values()) {
            Extents extents = in(phase);
            moves.move(move -> extents.adopt(move, parts, 0));
            assertThat(extents.map().phase(0)).isEqualTo(phase);
            assertThat(extents.map().phase(1)).isEqualTo(phase);
            assertThat(extents.map().phase(2)).isEqualTo(Phase.RESIDENT);
        }
        try (LinkLock.Held link = lock.take()) {
            Extents extents = in(Phase.LINKING);
            moves.move(move -> extents.adopt(move, parts, 0));
            extents.endLink(link, withRuns);
            assertThat(extents.map().in(Phase.LINKED)).isEqualTo(BitSet.valueOf(new long[] {3}));
        }
    }

    @Test
    void onlyResidentOnesAreJoined() throws Exception {
        StateLayout joined =
                StateLayout.of(List.of(new Extent(new byte[0], null, null, List.of())));
        for (Phase phase : Phase.values()) {
            Extents extents = in(phase);
            Step join = of -> moves.move(move -> of.adopt(move, joined, 0));
            if (phase == Phase.RESIDENT) {
                join.take(extents);
                assertThat(extents.map().allResident()).isTrue();
            } else {
                assertThatThrownBy(() -> join.take(extents)).isInstanceOf(LazyStateException.class);
            }
        }
    }

    @Test
    void rowsThatNobodySeesAreChangedByWhoHoldsTheLink() throws Exception {
        Extents extents = in(Phase.COLD);
        LinkLock.Held givenBack = lock.take();
        givenBack.close();
        assertThatThrownBy(() -> extents.beginLink(givenBack, withRuns))
                .isInstanceOf(LazyStateException.class);
        assertThat(extents.map().phase(0)).isEqualTo(Phase.COLD);
    }
}
