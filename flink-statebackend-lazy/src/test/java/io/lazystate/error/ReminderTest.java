package io.lazystate.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ReminderTest {
    private long now = Long.MAX_VALUE - 5; // a clock may overflow
    private final Reminder reminder = new Reminder(() -> now);

    @Test
    void whatLastsIsToldAtOnceAndThenOnceAMinute() {
        assertThat(reminder.isDue("disk")).isTrue();
        assertThat(reminder.isDue("disk")).isFalse();
        now += TimeUnit.SECONDS.toNanos(59);
        assertThat(reminder.isDue("disk")).isFalse();
        now += TimeUnit.SECONDS.toNanos(1);
        assertThat(reminder.isDue("disk")).isTrue();
        assertThat(reminder.isDue("disk")).isFalse();
    }

    @Test
    void whatIsNewIsToldAtOnce() {
        assertThat(reminder.isDue("a")).isTrue();
        assertThat(reminder.isDue("b")).isTrue();
        assertThat(reminder.isDue("b")).isFalse();
        assertThat(reminder.isDue(null)).isTrue();
        assertThat(reminder.isDue(null)).isFalse();
    }
}
