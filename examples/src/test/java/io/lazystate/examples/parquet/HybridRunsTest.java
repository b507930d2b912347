package io.lazystate.examples.parquet;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class HybridRunsTest {
    @Test
    void readsTheBitPackedExampleOfTheSpecification() {
        // The numbers 0 to 7 in 3 bits each, as one group.
        HybridRuns runs = runs(3, 0x03, 0x88, 0xC6, 0xFA);
        assertThat(next(runs, 8)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
    }

    @Test
    void readsRunsOfWholeBytes() {
        HybridRuns runs = runs(9, 3 << 1, 0x01, 0x01, 2 << 1, 0x05, 0x00);
        assertThat(next(runs, 5)).containsExactly(257, 257, 257, 5, 5);
    }

    @Test
    void widthZeroTakesNoBytes() {
        assertThat(next(runs(0, 4 << 1), 4)).containsExactly(0, 0, 0, 0);
    }

    @Test
    void theLastGroupMayBeCutOff() {
        assertThat(next(runs(8, 0x03, 7, 8), 2)).containsExactly(7, 8);
    }

    private static HybridRuns runs(int width, int... bytes) {
        ByteBuffer in = ByteBuffer.allocate(bytes.length);
        for (int each : bytes) {
            in.put((byte) each);
        }
        return new HybridRuns(in.flip(), width);
    }

    private static int[] next(HybridRuns runs, int count) {
        int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = runs.next();
        }
        return values;
    }
}
