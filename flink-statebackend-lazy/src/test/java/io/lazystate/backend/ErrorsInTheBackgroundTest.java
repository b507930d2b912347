package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.metrics.PrewarmStatus;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory is short for a moment, when a thread in the background asks for some. */
class ErrorsInTheBackgroundTest {
    private static final int KEYS = 2_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    @Test
    void hydrationGoesOnOrSaysThatItHasFailed() throws Exception {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        KeyedStateHandle handle;
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("value " + key);
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
        AtomicInteger downloads = new AtomicInteger();
        try (TestTask task =
                TestTask.restore(
                        TestTask.Start.withStore(
                                checkpoints, config, store -> new Short(store, downloads)),
                        List.of(handle))) {
            ValueState<String> state = task.state(STATE);
            task.key(1);
            assertThat(state.value()).isEqualTo("value 1");
            TestTask.awaitHydration();
            assertThat(downloads.get()).isPositive();
            task.database().settle();
            int cold = task.database().coldExtents().size();
            assertThat(task.metrics().recovery().status())
                    .as("with %s extents cold, and its thread gone", cold)
                    .isNotEqualTo(PrewarmStatus.RUNNING);
        }
    }

    private record Short(RangedReader store, AtomicInteger calls) implements RangedReader {
        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            // Pages that the task waits for are smaller.
            if (length > 4096 && calls.incrementAndGet() == 1) {
                throw new OutOfMemoryError("Java heap space");
            }
            return store.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path file) {
            if (calls.incrementAndGet() == 1) {
                throw new OutOfMemoryError("Java heap space");
            }
            return store.download(object, offset, length, file);
        }

        @Override
        public void release() {
            store.release();
        }
    }
}
