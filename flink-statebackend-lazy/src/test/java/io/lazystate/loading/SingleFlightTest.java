package io.lazystate.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.LazyStateException;
import io.lazystate.loading.LoadExecutor.Request;
import io.lazystate.metrics.LoadCause;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
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
        submitted.get(0).request().dropped();

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
