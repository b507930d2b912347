package io.lazystate.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.examples.flights.FlightsJob;
import io.lazystate.examples.flights.ResultRow;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class RunControlTest {
    @Test
    void theGateOpensAsFarAsItIsRaised() {
        try (RunControl control = RunControl.open("gate")) {
            RunGate gate = new RunGate("gate");
            assertThat(gate.isOpen(0)).isFalse();
            CompletableFuture<Void> waiting = gate.whenOpen(0);
            assertThat(waiting).isNotDone();
            control.raiseTo(2);
            assertThat(waiting).isDone();
            assertThat(gate.isOpen(1)).isTrue();
            assertThat(gate.whenOpen(1)).isDone();
            assertThat(gate.isOpen(2)).isFalse();
            assertThat(control.position()).isEqualTo(2);
        }
        assertThatThrownBy(() -> RunControl.named("gate")).hasMessageContaining("'gate' is over");
    }

    @Test
    void onlyTheFirstCorrectAlarmAfterTheFailureCounts() {
        ResultBook expected = new ResultBook();
        ResultRow right = new ResultRow(FlightsJob.ALARM, "a", "1");
        expected.add(right, expected);
        ResultRow window = new ResultRow("window", "a", "1");
        expected.add(window, expected);
        AtomicInteger calls = new AtomicInteger();
        try (RunControl control = RunControl.open("first", expected, calls::incrementAndGet)) {
            control.take(right, 0);
            control.take(new ResultRow(FlightsJob.ALARM, "a", "2"), 1);
            control.take(window, 1);
            assertThat(calls).hasValue(0);
            control.take(right, 1);
            control.take(right, 1);
            assertThat(calls).hasValue(1);
        }
    }
}
