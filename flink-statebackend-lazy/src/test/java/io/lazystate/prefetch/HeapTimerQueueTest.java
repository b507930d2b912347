package io.lazystate.prefetch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.streaming.api.operators.TimerHeapInternalTimer;
import org.apache.flink.streaming.api.operators.TimerSerializer;
import org.junit.jupiter.api.Test;

/** The queue on the heap tells what it is going to give, also among timers of the same time. */
class HeapTimerQueueTest {
    private static final int KEY_GROUPS = 128;
    private static final int ROUNDS = 300;

    private final Random random = new Random(4);
    private final HeapTimerQueue<TimerHeapInternalTimer<Long, Long>> queue =
            (HeapTimerQueue<TimerHeapInternalTimer<Long, Long>>)
                    new HeapTimerQueueFactory(KeyGroupRange.of(0, KEY_GROUPS - 1), KEY_GROUPS)
                            .create(
                                    "timers",
                                    new TimerSerializer<>(
                                            LongSerializer.INSTANCE, LongSerializer.INSTANCE));

    @Test
    void whatItTellsIsWhatItGives() {
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = random.nextInt(40); i > 0; i--) {
                queue.add(new TimerHeapInternalTimer<>(random.nextInt(5), key(), key()));
            }
            int most = random.nextInt(60);
            List<TimerHeapInternalTimer<Long, Long>> told = queue.upcoming(most, timer -> true);
            assertThat(told).hasSize(Math.min(most, queue.size()));
            List<TimerHeapInternalTimer<Long, Long>> given = new ArrayList<>();
            for (int i = 0; i < told.size(); i++) {
                given.add(queue.poll());
            }
            assertThat(told).isEqualTo(given);
        }
    }

    @Test
    void toTellChangesNothingAndEndsWhereItIsTold() {
        for (int i = 0; i < 500; i++) {
            queue.add(new TimerHeapInternalTimer<>(random.nextInt(5), key(), key()));
        }
        int size = queue.size();
        assertThat(queue.upcoming(1_000, timer -> timer.getTimestamp() < 2))
                .isNotEmpty()
                .allMatch(timer -> timer.getTimestamp() < 2);
        assertThat(queue.upcoming(1_000, timer -> true)).hasSize(size);
        assertThat(queue.size()).isEqualTo(size);
    }

    private long key() {
        return random.nextInt(1_000);
    }
}
