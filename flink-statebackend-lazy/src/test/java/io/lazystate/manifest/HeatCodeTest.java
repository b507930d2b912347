package io.lazystate.manifest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class HeatCodeTest {
    @Test
    void tellsTheHottestFromHalfOfIt() {
        assertThat(HeatCode.of(70, 70)).isEqualTo(255);
        assertThat(HeatCode.of(35, 70)).isEqualTo(247);
        assertThat(HeatCode.share(255)).isEqualTo(1);
        assertThat(HeatCode.share(247)).isEqualTo(0.5);
    }

    @Test
    void comesBackWithinATenth() {
        for (double share = 1; share > 1e-9; share *= 0.93) {
            assertThat(HeatCode.share(HeatCode.of(5e6 * share, 5e6)))
                    .isCloseTo(share, within(0.1 * share));
        }
    }

    @Test
    void whatIsHardlyReadIsZero() {
        assertThat(HeatCode.of(0, 0)).isZero();
        assertThat(HeatCode.of(0, 7)).isZero();
        assertThat(HeatCode.of(1e-30, 7)).isZero();
        assertThat(HeatCode.share(0)).isZero();
    }
}
