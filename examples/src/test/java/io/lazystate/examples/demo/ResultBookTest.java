package io.lazystate.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.examples.flights.ResultRow;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ResultBookTest {
    private final ResultBook expected = new ResultBook();
    private final ResultBook book = new ResultBook();

    ResultBookTest() {
        for (int i = 0; i < 3_000; i++) {
            expected.add(row(i, "value " + i), expected);
        }
    }

    @Test
    void rowsSentAgainAndCorrectedLaterAreEqual() {
        for (int i = 2_999; i >= 0; i--) {
            assertThat(book.add(row(i, "early"), expected)).isFalse();
            assertThat(book.add(row(i, "value " + i), expected)).isTrue();
            book.add(row(i, "value " + i), expected);
        }
        assertThat(book.differences(expected)).isEmpty();
        assertThat(book.sizes()).containsEntry("window", 3_000);
    }

    @Test
    void missingWrongAndUnexpectedRowsAreCountedAndNamed() {
        for (int i = 2; i < 3_000; i++) {
            book.add(row(i, i == 7 ? "wrong" : "value " + i), expected);
        }
        book.add(row(5_000, "more"), expected);
        book.add(new ResultRow("late-window", "a", "b"), expected);
        assertThat(book.differences(expected))
                .contains(
                        "window: 2 rows missing, 1 with another value, 1 unexpected, of 3000",
                        "late-window: 0 rows missing, 0 with another value, 1 unexpected, of 0",
                        "e.g. window key 7 = wrong");
    }

    @Test
    void anEmptyBookLacksEverything() {
        assertThat(book.differences(expected))
                .containsExactly(
                        "window: 3000 rows missing, 0 with another value, 0 unexpected, of 3000");
    }

    @Test
    void theTableGrowsAndKeepsWhatItHolds() {
        LongTable table = new LongTable();
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < 50_000; i++) {
            table.put(random.nextLong(), i);
        }
        table.put(0, 17);
        assertThat(table.size()).isEqualTo(50_001);
        assertThat(table.holds(0, 17)).isTrue();
        random = new SplittableRandom(7);
        for (int i = 0; i < 50_000; i++) {
            long key = random.nextLong();
            assertThat(table.holds(key, i)).isTrue();
            assertThat(table.holds(key, -1)).isFalse();
        }
        assertThat(table.holds(random.nextLong())).isFalse();
    }

    private static ResultRow row(int key, String value) {
        return new ResultRow("window", "key " + key, value);
    }
}
