package io.lazystate.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.LoadExecutor.Request;
import io.lazystate.metrics.LoadCause;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Requests that several ask for. */
class SingleFlightTest {
    private record Submitted(LoadCause cause, Request request) {}

    private final List<Submitted> submitted = new ArrayList<>();
    private final List<LoadCause> ran = new ArrayList<>();
    private final SingleFlight<String, String> flights =
            new SingleFlight<>((cause, bytes, r) -> submitted.add(new Submitted(cause, r)));

    @Test
    void whatIsUnderWayIsNotAskedForAgain() {
        CompletableFuture<String> first = start(LoadCause.DEMAND);
        CompletableFuture<String> second = start(LoadCause.PREFETCH);
        submitted.forEach(each -> each.request().run());

        assertThat(second).isSameAs(first).isCompletedWithValue("value");
        assertThat(ran).containsExactly(LoadCause.DEMAND);
    }

    @Test
    void aRequestThatSomebodyNowWaitsForGetsTheirTurn() {
        CompletableFuture<String> prefetched = start(LoadCause.PREFETCH);
        start(LoadCause.DEMAND);

        assertThat(submitted)
                .extracting(Submitted::cause)
                .containsExactly(LoadCause.PREFETCH, LoadCause.DEMAND);
        submitted.get(1).request().run();
        submitted.get(0).request().run();
        assertThat(prefetched).isCompletedWithValue("value");
        assertThat(ran).containsExactly(LoadCause.DEMAND);
    }

    @Test
    void whoeverWaitsForADroppedRequestIsTold() {
        CompletableFuture<String> dropped = start(LoadCause.HYDRATE);
        submitted.get(0).request().dropped(Futures.stopped(null));

        assertThatThrownBy(() -> Futures.await(dropped))
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("Loading was stopped");
        assertThat(start(LoadCause.HYDRATE)).as("another one").isNotDone();
    }

    @Test
    void aClosedExecutorIsNoReasonToWait() {
        SingleFlight<String, String> closed =
                new SingleFlight<>(
                        (cause, bytes, r) -> {
                            throw new RejectedExecutionException();
                        });
        assertThatThrownBy(
                        () -> Futures.await(closed.start("key", LoadCause.DEMAND, 0, c -> "value")))
                .isInstanceOf(LazyStateException.class);
    }

    /** Such as one that cannot make a thread. */
    @Test
    void whoeverAsksAnExecutorThatFailsIsToldAndTheNextOneIsServed() {
        AtomicBoolean fails = new AtomicBoolean(true);
        SingleFlight<String, String> failing =
                new SingleFlight<>(
                        (cause, bytes, r) -> {
                            if (fails.get()) {
                                throw new OutOfMemoryError("unable to create native thread (test)");
                            }
                            r.run();
                        });
        CompletableFuture<String> first =
                failing.start("key", LoadCause.DEMAND, 0, cause -> "value");
        assertThatThrownBy(() -> Futures.await(first)).isInstanceOf(OutOfMemoryError.class);
        assertThat(failing.isUnderWay("key")).isFalse();
        fails.set(false);

        assertThat(failing.start("key", LoadCause.DEMAND, 0, cause -> "value"))
                .isCompletedWithValue("value");
    }

    @Test
    void whoeverWaitsForWorkThatRunsIsToldWhenItIsDropped() {
        List<CompletableFuture<String>> results = new ArrayList<>();
        results.add(
                flights.start(
                        "key",
                        LoadCause.DEMAND,
                        0,
                        cause -> {
                            submitted.get(0).request().dropped(Futures.stopped(null));
                            assertThat(results.get(0)).isCompletedExceptionally();
                            return "value";
                        }));
        submitted.get(0).request().run();

        assertThatThrownBy(() -> Futures.await(results.get(0)))
                .hasMessageContaining("Loading was stopped");
        assertThat(flights.isUnderWay("key")).isFalse();
    }

    @Test
    void whatGivesTooFewResultsLeavesNobodyWaiting() {
        CompletableFuture<String> first =
                flights.start(
                        List.of("key", "other"), LoadCause.DEMAND, 0, cause -> List.of("value"));
        CompletableFuture<String> other =
                flights.start("other", LoadCause.DEMAND, 0, cause -> "other");
        submitted.forEach(each -> each.request().run());

        assertThat(first).isDone();
        assertThat(other).isCompletedExceptionally();
        assertThat(flights.isUnderWay("other")).isFalse();
    }

    /**
     * Between the first seat and the others: they would be taken for what is under way for ever.
     */
    @Test
    void whatIsAnsweredWhileItIsBeingAskedForIsAskedForAgain() {
        List<String> keys =
                new AbstractList<>() {
                    @Override
                    public String get(int i) {
                        if (i == 1 && flights.isUnderWay("key") && submitted.isEmpty()) {
                            CompletableFuture<String> unused =
                                    flights.start("key", LoadCause.DEMAND, 0, cause -> "joined");
                            submitted.get(0).request().run();
                        }
                        return i == 0 ? "key" : "other";
                    }

                    @Override
                    public int size() {
                        return 2;
                    }
                };
        CompletableFuture<String> first =
                flights.start(keys, LoadCause.HYDRATE, 0, cause -> List.of("value", "old"));

        assertThat(first).isCompletedWithValue("value");
        assertThat(flights.isUnderWay("other")).isFalse();
    }

    private CompletableFuture<String> start(LoadCause wanted) {
        return flights.start(
                "key",
                wanted,
                0,
                cause -> {
                    ran.add(cause);
                    return "value";
                });
    }
}
