package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.StateModel.Row;
import io.lazystate.backend.StateModel.Timer;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;

/** Random accesses to the timer queue. */
final class TimerSteps {
    private final FuzzScope scope;
    private boolean taken;

    TimerSteps(FuzzScope scope) {
        this.scope = scope;
    }

    void change(Row row) {
        switch (scope.random().nextInt(5)) {
            case 0 -> poll();
            case 1 -> {
                Timer timer = scope.model().timers.ceiling(any(row));
                if (timer != null) {
                    taken = true;
                    scope.states().timers().remove(FuzzStates.flinkTimer(timer));
                    scope.model().timers.remove(timer);
                }
            }
            default -> add(row);
        }
        scope.check().firstTimer();
    }

    void add(Row row) {
        Timer timer = any(row);
        scope.states().timers().add(FuzzStates.flinkTimer(timer));
        scope.model().timers.add(timer);
    }

    void check() throws Exception {
        if (!taken) {
            scope.check().timers();
        }
        scope.check().firstTimer();
    }

    /** Takes all timers out: each comes, in the order of their timestamps. */
    void drain() {
        while (scope.states().has("timers") && !scope.model().timers.isEmpty()) {
            poll();
        }
        scope.check().firstTimer();
    }

    private void poll() {
        scope.check().firstTimer();
        TimerHeapInternalTimer<Long, Long> polled = scope.states().timers().poll();
        if (polled != null) {
            taken = true;
            assertThat(scope.model().timers.remove(FuzzStates.timer(polled)))
                    .as("%s is a timer", polled)
                    .isTrue();
        }
    }

    private Timer any(Row row) {
        return new Timer(scope.random().nextInt(100) - 10, row.key(), row.namespace());
    }
}
