package io.lazystate.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.CapturedLog;
import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Reminder;
import io.lazystate.error.Where;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.Test;

class SkippedRewritesTest {
    private long now;
    private final Reminder reminder = new Reminder(() -> now);

    @Test
    void oneLineNamesHowManyStatesAndTheFirstObject() {
        SkippedRewrites skipped = new SkippedRewrites(7, reminder);
        skipped.add("orders", lost("s3://b/shared/1"));
        skipped.add("customers", lost("s3://b/shared/2"));

        assertThat(told(skipped))
                .singleElement()
                .asString()
                .startsWith("Checkpoint 7 is written without rewriting older runs")
                .contains("(states: 2, first: 'orders')")
                .endsWith("CORRUPT at object s3://b/shared/1: gone");
    }

    @Test
    void checkpointThatReadEverythingIsNotToldOf() {
        assertThat(told(new SkippedRewrites(7, reminder))).isEmpty();
    }

    @Test
    void sameObjectIsToldOfOnceAMinuteAndAnotherOneAtOnce() {
        assertThat(told(of(1, "a"))).hasSize(1);
        assertThat(told(of(2, "a"))).isEmpty();
        assertThat(told(of(3, "b"))).hasSize(1);
        now += TimeUnit.MINUTES.toNanos(1);
        assertThat(told(of(4, "b"))).hasSize(1);
        assertThat(told(of(5, "b"))).isEmpty();
    }

    private SkippedRewrites of(long checkpoint, String object) {
        SkippedRewrites skipped = new SkippedRewrites(checkpoint, reminder);
        skipped.add("orders", lost(object));
        return skipped;
    }

    private static LazyStateException lost(String object) {
        return new LazyStateException(Kind.CORRUPT, Where.object(object), "gone", null);
    }

    private static List<String> told(SkippedRewrites skipped) {
        return CapturedLog.of(Level.WARN, skipped::log);
    }
}
