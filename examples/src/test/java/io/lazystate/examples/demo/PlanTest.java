package io.lazystate.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.examples.flights.input.FlightFile;
import org.junit.jupiter.api.Test;

class PlanTest {
    private static final FlightFile FILE = FlightFile.sample(Integer.MAX_VALUE);

    @Test
    void moreStateMeansMoreCopies() {
        Plan small = Plan.of(FILE, 376_493, 200_000_000);
        Plan large = Plan.of(FILE, 376_493, 2_000_000_000);
        assertThat(small.settings().copies()).isEqualTo(2);
        assertThat(large.settings().copies()).isEqualTo(20);
        assertThat(small.settings().payloadBytes()).isBetween(200, 300);
        assertThat(large.settings().payloadBytes()).isBetween(200, 300);
    }

    @Test
    void thereAreAlwaysFlightsToLoseAndFlightsToComeAfter() {
        Plan plan = Plan.of(FILE, 100, 1);
        assertThat(plan.built()).isEqualTo(94);
        assertThat(plan.lost()).isEqualTo(95);
        assertThat(plan.settings().copies()).isEqualTo(1);
        assertThat(plan.settings().payloadBytes()).isEqualTo(16);
    }
}
