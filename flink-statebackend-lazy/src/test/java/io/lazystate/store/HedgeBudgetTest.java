package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HedgeBudgetTest {

    @Test
    void allowsAShareOfAllReads() {
        HedgeBudget budget = new HedgeBudget(0.05);
        int second = 0;
        for (int i = 0; i < 1000; i++) {
            budget.earn();
            if (budget.take()) {
                second++;
            }
        }

        assertThat(second).isBetween(49, 51);
    }

    @Test
    void allowsFewInARowHoweverLongThereWereNone() {
        HedgeBudget budget = new HedgeBudget(0.5);
        for (int i = 0; i < 1000; i++) {
            budget.earn();
        }
        int inARow = 0;
        while (budget.take()) {
            inARow++;
        }

        assertThat(inARow).isEqualTo(8);
    }

    @Test
    void allowsNoneOfNoShare() {
        HedgeBudget budget = new HedgeBudget(0);
        budget.earn();

        assertThat(budget.take()).isFalse();
    }
}
