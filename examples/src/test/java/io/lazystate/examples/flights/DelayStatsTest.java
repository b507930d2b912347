package io.lazystate.examples.flights;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DelayStatsTest {
    @Test
    void countsSumsAndKeepsTheWorst() {
        DelayStats stats =
                DelayStats.EMPTY.plus(flight(4, -7)).plus(flight(9, 30)).plus(flight(2, 30));
        assertThat(stats).isEqualTo(new DelayStats(3, 53, 30, 9));
        assertThat(stats.mean()).isEqualTo(17);
        assertThat(DelayStats.EMPTY.plus(flight(1, -7)).mean()).isEqualTo(-7);
        assertThat(DelayStats.EMPTY.mean()).isZero();
    }

    @Test
    void mergingDoesNotDependOnOrder() {
        DelayStats a = DelayStats.EMPTY.plus(flight(4, 30));
        DelayStats b = DelayStats.EMPTY.plus(flight(2, 30)).plus(flight(3, 5));
        assertThat(a.plus(b)).isEqualTo(b.plus(a)).isEqualTo(new DelayStats(3, 65, 30, 2));
        assertThat(a.plus(DelayStats.EMPTY)).isEqualTo(a);
        assertThat(DelayStats.EMPTY.plus(a)).isEqualTo(a);
    }

    @Test
    void aPayloadIsAFunctionOfFlightAndCopyAndItsDigestSeesEveryByte() {
        byte[] payload = Payload.of(7, 1, 100);
        assertThat(payload).hasSize(100).isEqualTo(Payload.of(7, 1, 100));
        assertThat(payload).isNotEqualTo(Payload.of(7, 0, 100)).isNotEqualTo(Payload.of(8, 1, 100));
        long digest = Payload.digest(payload);
        for (int at = 0; at < payload.length; at++) {
            payload[at]++;
            assertThat(Payload.digest(payload)).isNotEqualTo(digest);
            payload[at]--;
        }
    }

    private static Flight flight(long id, int delay) {
        return new Flight(id, 0, delay, 1, "A", "B");
    }
}
