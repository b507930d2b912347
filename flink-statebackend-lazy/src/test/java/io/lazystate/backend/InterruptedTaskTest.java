package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StoredObject;
import java.io.Closeable;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.execution.CancelTaskException;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.util.ExceptionUtils;
import org.apache.flink.util.IOUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What an interrupt does to a task: nothing, as with RocksDB, since a job's code may leave the flag
 * set. What ends its waits is that Flink closes what it waits for.
 */
@Timeout(300)
class InterruptedTaskTest {
    private static final long KEYS = 200;
    private static final long TOO_LONG_SECONDS = 120;

    private static final ValueStateDescriptor<String> VALUE =
            new ValueStateDescriptor<>("value", StringSerializer.INSTANCE);
    private static final ListStateDescriptor<String> LIST =
            new ListStateDescriptor<>("list", StringSerializer.INSTANCE);
    private static final MapStateDescriptor<String, String> MAP =
            new MapStateDescriptor<>("map", StringSerializer.INSTANCE, StringSerializer.INSTANCE);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final CountDownLatch held = new CountDownLatch(1);
    private final CountDownLatch letGo = new CountDownLatch(1);
    private volatile boolean holds;
    private volatile boolean passReads;
    private volatile boolean deaf;

    /**
     * With each download; before, while states are registered, Flink itself takes it for the end.
     */
    private volatile Thread interrupted;

    private KeyedStateHandle handle;

    @BeforeEach
    void write() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(512));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(2 << 10));
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            var timers = task.timers("timers");
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                task.state(VALUE).update("old " + key);
                task.state(LIST).add("old " + key);
                task.state(MAP).put("a", "old " + key);
                task.state(versioned(1)).update("old " + key);
                timers.add(TestTask.timer(key, key));
            }
            handle = task.checkpoint(1, new TestJobManager());
        }
    }

    @AfterEach
    void clear() {
        letGo.countDown();
        boolean unused = Thread.interrupted();
    }

    @ParameterizedTest
    @EnumSource(
            value = LoadingMode.class,
            names = {"LAZY", "EAGER", "HYBRID"})
    void everythingGoesOnWhateverInterruptsTheTask(LoadingMode mode) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.PRELOAD_STATES, List.of("list"));
        config.set(LazyStateOptions.PRELOAD_KEYS, List.of(OneKey.class.getName()));
        interrupted = Thread.currentThread();
        try (TestTask task = restore(new CloseableRegistry())) {
            Thread.currentThread().interrupt(); // a mode may have read nothing yet
            var timers = task.timers("timers");
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                assertThat(task.state(VALUE).value()).isEqualTo("old " + key);
                task.state(LIST).add("new");
                assertThat(task.state(LIST).get()).containsExactly("old " + key, "new");
                assertThat(task.state(MAP).values()).containsExactly("old " + key);
                assertThat(timers.poll()).isNotNull();
            }
            assertThat(task.state(versioned(2)).value()).isEqualTo("old " + (KEYS - 1));
            assertThat(Thread.currentThread().isInterrupted()).as("left as it was").isTrue();
            assertThat(task.failures()).isEmpty();
        }
    }

    /** Though the store does not notice that its reader is interrupted. */
    @Test
    void aReadEndsWhenTheBackendIsClosed() throws Exception {
        try (TestTask task = restore(new CloseableRegistry())) {
            task.key(7);
            task.state(VALUE);
            holds = true;
            deaf = true;
            Thread closing = closeOnceHeld(task.backend());

            assertThatThrownBy(() -> task.state(VALUE).value()).satisfies(this::isClosed);
            letGo.countDown();
            closing.join();
            assertThat(task.failures()).isEmpty();
        }
    }

    @Test
    void aMigrationEndsWhenTheBackendIsClosed() throws Exception {
        try (TestTask task = restore(new CloseableRegistry())) {
            holds = true;
            deaf = true;
            Thread closing = closeOnceHeld(task.backend());

            assertThatThrownBy(() -> task.state(versioned(2))).satisfies(this::isClosed);
            letGo.countDown();
            closing.join();
            assertThat(task.failures()).isEmpty();
        }
    }

    /** In each mode the first read is held: of the manifest. */
    @Test
    void aRestoreEndsWhenItIsCancelled() throws Exception {
        holds = true;
        assertRestoreEnds();
    }

    /** What is held is the first download. */
    @ParameterizedTest
    @EnumSource(
            value = LoadingMode.class,
            names = {"EAGER", "HYBRID"})
    void aLoadThatTheTaskWaitsForEndsWhenItIsCancelled(LoadingMode mode) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, mode);
        config.set(LazyStateOptions.PRELOAD_STATES, List.of("value"));
        holds = true;
        passReads = true;
        assertRestoreEnds();
    }

    private void assertRestoreEnds() throws Exception {
        CloseableRegistry cancel = new CloseableRegistry();
        Thread closing = closeOnceHeld(cancel);

        Throwable thrown =
                catchThrowable(
                        () -> {
                            try (TestTask task = restore(cancel)) {
                                assertThat(task).as("restored").isNull();
                            }
                        });
        closing.join();
        assertThat(ExceptionUtils.findThrowable(thrown, CancelTaskException.class)).isPresent();
    }

    private static ValueStateDescriptor<String> versioned(int version) {
        return new ValueStateDescriptor<>("versioned", new VersionedStringSerializer(version));
    }

    private void isClosed(Throwable thrown) {
        assertThat(ExceptionUtils.findThrowable(thrown, LazyStateException.class))
                .hasValueSatisfying(e -> assertThat(e.kind()).isEqualTo(Kind.CLOSED));
    }

    /** As a canceller does, in a thread of its own, which waits for what is closed. */
    private Thread closeOnceHeld(Closeable what) {
        Thread closing =
                new Thread(
                        () -> {
                            try {
                                if (held.await(TOO_LONG_SECONDS, TimeUnit.SECONDS)) {
                                    IOUtils.closeQuietly(what);
                                }
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        });
        closing.start();
        return closing;
    }

    private TestTask restore(CloseableRegistry cancel) throws Exception {
        return TestTask.restore(
                TestTask.Start.withStore(checkpoints, config, HoldingStore::new),
                List.of(handle),
                cancel);
    }

    /** Keeps a read for itself, whatever interrupts it, until the test lets it go. */
    private final class HoldingStore implements RangedReader {
        private final RangedReader store;

        HoldingStore(RangedReader store) {
            this.store = store;
        }

        @Override
        public byte[] read(StoredObject object, long offset, int length) {
            if (!passReads) {
                hold();
            }
            return store.read(object, offset, length);
        }

        @Override
        public int download(StoredObject object, long offset, long length, Path target) {
            hold();
            if (interrupted != null) {
                interrupted.interrupt();
            }
            return store.download(object, offset, length, target);
        }

        private void hold() {
            if (holds) {
                held.countDown();
                if (!await(letGo) && !deaf) {
                    throw new LazyStateException(Kind.CLOSED, Where.NOWHERE, "interrupted", null);
                }
            }
        }

        /** Returns false if it was interrupted, which ends it unless it is deaf. */
        private boolean await(CountDownLatch latch) {
            boolean cut = false;
            do {
                try {
                    if (!latch.await(TOO_LONG_SECONDS, TimeUnit.SECONDS)) {
                        throw new IllegalStateException("held for too long");
                    }
                    return !cut;
                } catch (InterruptedException e) {
                    cut = true;
                }
            } while (deaf);
            return false;
        }
    }

    /** Names a key. */
    public static final class OneKey implements PreloadKeys {
        @Override
        public Iterable<?> keys(Scope scope) {
            return List.of(7L);
        }
    }
}
