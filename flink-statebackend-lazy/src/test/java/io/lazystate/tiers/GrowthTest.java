package io.lazystate.tiers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** What is known of the growth between checkpoints. */
class GrowthTest {
    private final Growth growth = new Growth();

    @Test
    void isWhatWasWrittenSinceTheDiskWasEmptiest() {
        growth.measured(100, 0);
        growth.measured(60, 0);
        growth.measured(90, 0);
        growth.measured(80, 0);
        assertThat(growth.expected()).isEqualTo(30);
    }

    @Test
    void doesNotGoOnOverACheckpoint() {
        growth.measured(10, 0);
        growth.measured(20, 0);
        growth.measured(25, 1);
        growth.measured(29, 1);
        assertThat(growth.expected()).isEqualTo(8, within(0.01));
    }

    @Test
    void isForgottenSlowly() {
        growth.measured(0, 0);
        growth.measured(100, 0);
        for (int checkpoint = 1; checkpoint <= 30; checkpoint++) {
            growth.measured(100, checkpoint);
        }
        assertThat(growth.expected()).isBetween(0.0, 1.0);
    }
}
