package io.lazystate.store;

import static io.lazystate.store.RangedReaderContract.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.metrics.StoreMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

class RetryingReaderTest {

    private static final StoredObject OBJECT = StubHandle.failingToOpen(new IOException());

    private final Deque<Kind> failures = new ArrayDeque<>();
    private final List<Long> waits = new ArrayList<>();
    private final StoreMetrics metrics = new StoreMetrics();
    private final CountingReader counting = new CountingReader(new ScriptedReader());
    private final RangedReader reader =
            new RetryingReader(counting, retries(4, new Backoff(100, 250, () -> 0), waits::add));

    private Retries retries(int attempts, Backoff backoff, Sleeper sleeper) {
        return new Retries(attempts, backoff, sleeper, metrics);
    }

    @Test
    void returnsTheFirstSuccess() {
        failures.addAll(List.of(Kind.UNAVAILABLE, Kind.UNAVAILABLE));

        assertThat(reader.read(OBJECT, 0, 3)).hasSize(3);

        assertThat(counting.requests()).isEqualTo(3);
        assertThat(waits).containsExactly(50L, 100L);
        assertThat(metrics.retries().sum()).isEqualTo(2);
    }

    @Test
    void givesUpAfterAllAttempts() {
        for (int i = 0; i < 10; i++) {
            failures.add(Kind.UNAVAILABLE);
        }

        LazyStateException e = failure(() -> reader.download(OBJECT, 0, 3, Path.of("x")));

        assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
        assertThat(counting.fileReads()).isEqualTo(4);
        assertThat(waits).containsExactly(50L, 100L, 125L);
        assertThat(metrics.retries().sum()).as("the first attempt is none").isEqualTo(3);
    }

    @Test
    void doesNotRepeatOtherKinds() {
        failures.add(Kind.CORRUPT);

        assertThat(failure(() -> reader.read(OBJECT, 0, 3)).kind()).isEqualTo(Kind.CORRUPT);

        assertThat(counting.requests()).isEqualTo(1);
        assertThat(waits).isEmpty();
        assertThat(metrics.retries().sum()).isZero();
    }

    @Test
    void interruptedWaitIsClosedAndKeepsTheFlag() {
        failures.add(Kind.UNAVAILABLE);
        RangedReader interrupted =
                new RetryingReader(
                        counting,
                        retries(
                                4,
                                new Backoff(1, 1, () -> 0),
                                millis -> {
                                    throw new InterruptedException();
                                }));

        LazyStateException e = failure(() -> interrupted.read(OBJECT, 0, 3));

        assertThat(Thread.interrupted()).isTrue();
        assertThat(e.kind()).isEqualTo(Kind.CLOSED);
        assertThat(metrics.retries().sum()).as("it was not asked again").isZero();
        assertThat(counting.requests()).isEqualTo(1);
    }

    @Test
    void countsKindsAndArrivedBytes() {
        failures.add(Kind.UNAVAILABLE);

        reader.read(OBJECT, 0, 30);
        reader.download(OBJECT, 0, 500, Path.of("x"));

        assertThat(counting.pageReads()).isEqualTo(2);
        assertThat(counting.fileReads()).isEqualTo(1);
        assertThat(counting.requests()).isEqualTo(3);
        assertThat(counting.bytes()).isEqualTo(530);
    }

    @Test
    void needsAnAttempt() {
        Backoff backoff = new Backoff(1, 1, () -> 0);
        assertThatIllegalArgumentException().isThrownBy(() -> retries(0, backoff, waits::add));
    }

    @Test
    void backoffDoublesUpToItsBoundAndJitters() {
        Backoff shortest = new Backoff(100, 10_000, () -> 0);
        Backoff longest = new Backoff(100, 10_000, () -> Math.nextDown(1.0));

        assertThat(List.of(1, 2, 3, 8, 1000))
                .map(shortest::delayMillis)
                .containsExactly(50L, 100L, 200L, 5000L, 5000L);
        assertThat(List.of(1, 2, 3, 8, 1000))
                .map(longest::delayMillis)
                .containsExactly(100L, 200L, 400L, 10_000L, 10_000L);
        assertThat(new Backoff(0, 0, () -> 0.9).delayMillis(3)).isZero();
    }

    /** Fails as told, then succeeds. */
    private final class ScriptedReader implements RangedReader {

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            failIfTold();
            return new byte[length];
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            failIfTold();
            return 0;
        }

        private void failIfTold() {
            Kind kind = failures.poll();
            if (kind != null) {
                throw new LazyStateException(kind, Where.NOWHERE, "as told", null);
            }
        }
    }
}
