package io.lazystate.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The watchdog of the other module watches here too. */
class WatchedTest {
    @Test
    void testsThatHangAreEnded() {
        assertThat(Thread.getAllStackTraces().keySet())
                .anyMatch(thread -> thread.getName().equals("watchdog"));
    }
}
