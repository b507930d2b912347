package io.lazystate.prefetch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** How many timers are followed ahead. */
class ReachTest {
    private final Reach reach = new Reach(1_000);

    @Test
    void growsWhileTimersWaitAndNotBeyondItsBound() {
        int before = reach.timers();
        reach.waited();
        reach.adapt(10, 0);
        assertThat(reach.timers()).isEqualTo(2 * before);
        reach.adapt(20, 0);
        assertThat(reach.timers()).as("none waited since").isEqualTo(2 * before);
        for (int i = 0; i < 10; i++) {
            reach.waited();
            reach.adapt(20, 0);
        }
        assertThat(reach.timers()).isEqualTo(1_000);
    }

    @Test
    void shrinksWhenMoreWasInVainThanUsedAndNotToNothing() {
        int before = reach.timers();
        reach.waited();
        reach.adapt(1, 2);
        assertThat(reach.timers()).isEqualTo(before / 2);
        reach.adapt(2, 2);
        assertThat(reach.timers()).as("all was of use since").isEqualTo(before / 2);
        for (int i = 3; i < 20; i++) {
            reach.adapt(2, i);
        }
        assertThat(reach.timers()).isEqualTo(16);
    }

    @Test
    void aSmallBoundIsKept() {
        Reach one = new Reach(1);
        assertThat(one.timers()).isOne();
        one.adapt(0, 5);
        assertThat(one.timers()).isOne();
        one.waited();
        one.adapt(0, 5);
        assertThat(one.timers()).isOne();
    }
}
