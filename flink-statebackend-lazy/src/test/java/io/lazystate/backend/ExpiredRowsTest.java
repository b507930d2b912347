package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.manifest.Extent;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rows that have expired leave the runs when their extents are folded, and no other rows do. */
class ExpiredRowsTest {
    private static final int KEYS = 900;
    private static final long TTL_MILLIS = 1_000;
    private static final long LATER = 2 * TTL_MILLIS;

    private final ValueStateDescriptor<Long> value =
            new ValueStateDescriptor<>("value", LongSerializer.INSTANCE);
    private final MapStateDescriptor<String, String> map =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);
    private final ListStateDescriptor<Long> numbers =
            new ListStateDescriptor<>("numbers", LongSerializer.INSTANCE);
    private final ListStateDescriptor<String> strings =
            new ListStateDescriptor<>("strings", StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final AtomicLong clock = new AtomicLong();
    private final Configuration config = new Configuration();

    @ParameterizedTest
    @EnumSource(LoadingMode.class)
    void foldingDropsThemAndKeepsTheRest(LoadingMode mode) throws Exception {
        expireAfterTtl(false);
        config.set(LazyStateOptions.LOADING_MODE, mode);
        KeyedStateHandle folded = writeAllThenChangeHalf();

        for (String name : List.of("value", "map", "numbers", "strings")) {
            List<Extent> extents = new WrittenCheckpoint(folded).extents(name);
            assertThat(extents).allMatch(extent -> extent.deltas().isEmpty());
            assertThat(extents.stream().mapToLong(extent -> extent.base().meta().rows()).sum())
                    .as(name)
                    .isEqualTo(KEYS / 2);
        }
        assertRestored(folded, false);
    }

    @Test
    void nothingIsDroppedIfTheStateDoesNotCleanUpInCompactions() throws Exception {
        expireAfterTtl(true);
        assertRestored(writeAllThenChangeHalf(), true);
    }

    private void expireAfterTtl(boolean noBackgroundCleanup) {
        StateTtlConfig.Builder ttl =
                StateTtlConfig.newBuilder(Duration.ofMillis(TTL_MILLIS))
                        .updateTtlOnCreateAndWrite();
        StateTtlConfig built =
                noBackgroundCleanup ? ttl.disableCleanupInBackground().build() : ttl.build();
        List.of(value, map, numbers, strings).forEach(state -> state.enableTimeToLive(built));
    }

    private TestTask restore(List<KeyedStateHandle> handles) throws Exception {
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(4 << 10));
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        return TestTask.restore(new TestTask.Start(checkpoints, config), handles, clock::get);
    }

    private KeyedStateHandle writeAllThenChangeHalf() throws Exception {
        TestJobManager jobManager = new TestJobManager();
        try (TestTask task = restore(List.of())) {
            for (long key = 0; key < KEYS; key++) {
                write(task, key, "old ");
            }
            task.checkpoint(1, jobManager);
            clock.set(LATER);
            for (long key = 0; key < KEYS; key += 2) {
                write(task, key, "new ");
            }
            return task.checkpoint(2, jobManager);
        }
    }

    private void write(TestTask task, long key, String prefix) throws Exception {
        task.key(key);
        task.state(value).update(key);
        task.state(map).put("entry", prefix + key);
        task.state(numbers).add(clock.get() + key);
        task.state(strings).add(prefix + key);
    }

    /** At a time when all rows would be live, those that are gone show. */
    private void assertRestored(KeyedStateHandle handle, boolean all) throws Exception {
        clock.set(TTL_MILLIS / 2);
        try (TestTask task = restore(List.of(handle))) {
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                boolean changed = key % 2 == 0;
                Long expected = changed || all ? key : null;
                assertThat(task.state(value).value()).isEqualTo(expected);
                if (changed) {
                    assertThat(task.state(map).entries())
                            .containsExactly(Map.entry("entry", "new " + key));
                    if (all) {
                        assertThat(task.state(numbers).get()).containsExactly(key, LATER + key);
                        assertThat(task.state(strings).get())
                                .containsExactly("old " + key, "new " + key);
                    } else {
                        assertThat(task.state(numbers).get()).containsExactly(LATER + key);
                        assertThat(task.state(strings).get()).containsExactly("new " + key);
                    }
                } else if (!all) {
                    assertThat(task.state(map).isEmpty()).isTrue();
                    assertThat(task.state(numbers).get()).isNullOrEmpty();
                    assertThat(task.state(strings).get()).isNullOrEmpty();
                }
            }
        }
    }
}
