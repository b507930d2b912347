package io.lazystate.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.snapshot.ModelOfHistory.Restored;
import io.lazystate.store.StoredObject;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which completed checkpoint is built upon, and which earlier files handles refer to (I11). */
class CheckpointHistoryTest {
    private static final Set<StoredObject> RESTORED = files("restored");

    private final CheckpointHistory<String> history = new CheckpointHistory<>();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void noRandomHistoryLosesAFile(long part) {
        for (long seed = part * 10_000; seed < part * 10_000 + 500; seed++) {
            for (Restored restored : Restored.values()) {
                new ModelOfHistory(seed, restored).run(150);
            }
        }
    }

    @Test
    void aCheckpointIsAdoptedThoughALaterOneIsCaptured() {
        var first = history.started(1, false, RESTORED);
        first.seal("first", files("a"));
        var second = history.started(2, false, RESTORED);
        assertThat(history.completed(1)).isEqualTo("first");
        assertThat(second.seal("second", files("b"))).containsAll(RESTORED).containsAll(files("a"));
        assertThat(history.completed(2)).as("its layout need not fit the new base").isNull();
    }

    @Test
    void aCheckpointIsNotAdoptedOnceALaterOneIsSealedWithoutItsFiles() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        history.started(2, false, RESTORED).seal("second", files("b"));
        assertThat(history.completed(1)).isNull();
        assertThat(history.completed(2)).isEqualTo("second");
    }

    @Test
    void aCheckpointIsAdoptedWhenTheLaterOneIsAborted() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        history.started(2, false, RESTORED).seal("second", files("b"));
        assertThat(history.completed(1)).isNull();
        assertThat(history.aborted(2)).isEqualTo("first");
        assertThat(history.started(3, false, files("a")).seal("third", files("a")))
                .isEqualTo(files("a"));
    }

    @Test
    void aCheckpointWithNothingNewIsAdoptedInAnyCase() {
        history.started(1, false, RESTORED).seal("first", RESTORED);
        history.started(2, false, RESTORED).seal("second", files("b"));
        assertThat(history.completed(1)).isEqualTo("first");
    }

    @Test
    void aFullOneOfAJobsOwnBaseRefersToWhatTheTaskReads() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        assertThat(history.completed(1)).isEqualTo("first");
        var full = history.started(2, true, files("a", "pinned"));
        assertThat(full.copiesAll()).isTrue();
        assertThat(full.isLikeLaterOnes()).isFalse();
        assertThat(full.seal("full", files("b"))).isEqualTo(files("a", "pinned"));
        assertThat(history.started(3, false, files("a", "pinned")).copiesAll()).isFalse();
    }

    @Test
    void nothingEverRefersToFilesOfAnotherJob() {
        var full = history.started(1, true, RESTORED);
        assertThat(full.isLikeLaterOnes()).isTrue();
        assertThat(full.seal("full", files("a"))).isEmpty();
        var overtaking = history.started(2, false, RESTORED);
        assertThat(overtaking.copiesAll()).isTrue();
        assertThat(history.completed(1)).isEqualTo("full");
        assertThat(overtaking.seal("overtaking", files("b"))).isEqualTo(files("a"));
        var next = history.started(3, false, files("a", "restored"));
        assertThat(next.copiesAll()).isFalse();
        assertThat(next.seal("next", files("a"))).isEqualTo(files("a"));
    }

    @Test
    void anOrdinaryRequestShowsThatFilesAreTheJobsOwnIfNoFullOneCanHaveCompleted() {
        history.started(1, true, RESTORED).seal("full", files("a"));
        assertThat(history.started(2, false, RESTORED).copiesAll())
                .as("the full one may have completed")
                .isTrue();
        history.aborted(1);
        history.aborted(2);
        assertThat(history.started(3, true, RESTORED).copiesAll()).isTrue();
        history.aborted(3);
        var ordinary = history.started(4, false, RESTORED);
        assertThat(ordinary.copiesAll()).isFalse();
        assertThat(ordinary.seal("ordinary", RESTORED)).isEqualTo(RESTORED);
    }

    @Test
    void aCompletedFullOneThatWasNotAdoptedLeavesTheFilesForeign() {
        history.started(1, true, RESTORED).seal("full", files("a"));
        history.started(2, true, RESTORED).seal("second", files("b"));
        assertThat(history.completed(1)).isNull();
        var third = history.started(3, false, RESTORED);
        assertThat(third.copiesAll()).isTrue();
        assertThat(third.seal("third", files("c"))).isEmpty();
    }

    @Test
    void whatIsReleasedBeforeItsEndCannotComplete() {
        var first = history.started(1, true, RESTORED);
        assertThat(first.isPending()).isTrue();
        first.released();
        assertThat(first.isPending()).isFalse();
        assertThat(history.started(2, false, RESTORED).copiesAll()).isFalse();
    }

    // ------------------------------------------------------------------ waiting for news

    @Test
    void nobodyWaitsUnlessTheBaseLags() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        var second = history.started(2, false, RESTORED);
        assertThat(second.earlierEnded()).isDone();
    }

    @Test
    void anAttemptWaitsForEarlierOnesOnceTheBaseLags() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        history.started(2, false, RESTORED).seal("second", files("b"));
        var third = history.started(3, false, RESTORED);
        assertThat(history.completed(1)).isNull();
        var news = third.earlierEnded();
        var ofFourth = history.started(4, false, RESTORED).earlierEnded();
        assertThat(news).isNotDone();
        assertThat(ofFourth).isNotDone();
        assertThat(history.completed(2)).isEqualTo("second");
        assertThat(news).isDone();
        assertThat(ofFourth).as("the base lags no more").isDone();
        assertThat(third.seal("third", files("c"))).containsAll(files("b"));
    }

    @Test
    void anAttemptDoesNotWaitForOneThatIsGone() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        history.started(2, false, RESTORED).seal("second", files("b"));
        var third = history.started(3, false, RESTORED);
        var fourth = history.started(4, false, RESTORED);
        assertThat(history.completed(1)).isNull();
        var ofThird = third.earlierEnded();
        var ofFourth = fourth.earlierEnded();
        third.released();
        assertThat(ofThird).as("it is over itself").isDone();
        assertThat(ofFourth).as("the second one may still complete").isNotDone();
        assertThat(history.aborted(2)).isEqualTo("first");
        assertThat(ofFourth).isDone();
    }

    @Test
    void anAttemptThatIsAbortedOrOvertakenWaitsNoLonger() {
        history.started(1, false, RESTORED).seal("first", files("a"));
        history.started(2, false, RESTORED).seal("second", files("b"));
        var third = history.started(3, false, RESTORED);
        var fourth = history.started(4, false, RESTORED);
        assertThat(history.completed(1)).isNull();
        var ofThird = third.earlierEnded();
        history.aborted(3);
        assertThat(ofThird).isDone();
        var ofFourth = fourth.earlierEnded();
        history.started(5, false, RESTORED).seal("fifth", files("c"));
        assertThat(ofFourth).isNotDone();
        history.completed(5);
        assertThat(ofFourth).isDone();
    }

    /**
     * So many checkpoints are always in flight, and every one is sealed as soon as it may be,
     * before the news come. At times one is aborted.
     */
    @ParameterizedTest
    @CsvSource({"1, 0", "2, 0", "3, 0", "4, 0", "2, 3", "3, 3", "3, 5", "4, 4"})
    void someCheckpointIsAdoptedEveryNowAndThen(int inFlight, int abortedEvery) {
        Deque<Long> open = new ArrayDeque<>();
        Set<Long> sealed = new HashSet<>();
        Map<Long, CheckpointHistory<String>.Attempt> attempts = new HashMap<>();
        Set<StoredObject> live = RESTORED;
        long next = 1;
        int sinceAdoption = 0;
        for (int i = 0; i < 200; i++) {
            while (open.size() < inFlight) {
                attempts.put(next, history.started(next, false, live));
                open.add(next++);
            }
            for (long id : open) {
                var attempt = attempts.get(id);
                if (!sealed.contains(id) && attempt.earlierEnded().isDone()) {
                    attempt.seal("" + id, files("of" + id));
                    sealed.add(id);
                }
            }
            long first = open.remove();
            assertThat(sealed).as("nobody waits for a later one").contains(first);
            boolean aborted = abortedEvery > 0 && i % abortedEvery == abortedEvery - 1;
            String adopted = aborted ? history.aborted(first) : history.completed(first);
            sinceAdoption = adopted == null ? sinceAdoption + 1 : 0;
            live = adopted == null ? live : files("of" + adopted);
            assertThat(sinceAdoption).isLessThan(3 * inFlight);
        }
    }

    private static Set<StoredObject> files(String... names) {
        Set<StoredObject> files = new HashSet<>();
        Arrays.stream(names).map(CheckpointHistoryTest::file).forEach(files::add);
        return files;
    }

    static StoredObject file(String name) {
        return new StoredObject(name, 1, new ByteStreamStateHandle(name, new byte[1]));
    }
}
