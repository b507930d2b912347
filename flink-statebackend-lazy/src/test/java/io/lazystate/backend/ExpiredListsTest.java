package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.StateTtlConfig;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lists of which checkpoints drop expired elements, with the elements' own serializer. */
class ExpiredListsTest {
    private static final long TTL_MILLIS = 1_000;

    /** Threads that found another one in their serializer. */
    private static final AtomicInteger SHARED = new AtomicInteger();

    /** Where two checkpoints meet, each in a serializer; null if they need not. */
    private static volatile CyclicBarrier meeting;

    @TempDir Path checkpoints;

    private final AtomicLong clock = new AtomicLong();
    private final ListStateDescriptor<String> names =
            new ListStateDescriptor<>("names", new ForOneThread());

    private TestTask restore(List<KeyedStateHandle> handles) throws Exception {
        names.enableTimeToLive(
                StateTtlConfig.newBuilder(Duration.ofMillis(TTL_MILLIS))
                        .updateTtlOnCreateAndWrite()
                        .build());
        return TestTask.restore(
                new TestTask.Start(checkpoints, new Configuration()), handles, clock::get);
    }

    @Test
    void checkpointsAtOnceHaveASerializerEach() throws Exception {
        SHARED.set(0);
        meeting = new CyclicBarrier(2);
        try (TestTask task = restore(List.of())) {
            task.key(1);
            task.state(names).add("old");
            clock.set(2 * TTL_MILLIS);
            task.state(names).add("new");
            List<CompletableFuture<Void>> threads = new ArrayList<>();
            for (int id = 1; id <= 2; id++) {
                RunnableFuture<SnapshotResult<KeyedStateHandle>> part =
                        task.trigger(id, CheckpointOptions.forCheckpointWithDefaultLocation());
                threads.add(CompletableFuture.runAsync(part, work -> new Thread(work).start()));
            }
            threads.forEach(CompletableFuture::join);
        } finally {
            meeting = null;
        }
        assertThat(SHARED).hasValue(0);
    }

    /** As with Flink's RocksDB backend, where only a read of the list fails. */
    @Test
    void anElementThatCannotBeReadFailsNoCheckpoint() throws Exception {
        KeyedStateHandle handle;
        try (TestTask task = restore(List.of())) {
            task.key(1);
            task.state(names).add(ForOneThread.GONE);
            task.key(2);
            task.state(names).add("old");
            clock.set(2 * TTL_MILLIS);
            task.state(names).add("new");
            handle = task.snapshot(1);
        }
        try (TestTask task = restore(List.of(handle))) {
            task.key(2);
            assertThat(task.state(names).get()).containsExactly("new");
        }
    }

    /** Of strings, as Kryo's: one thread at a time, and errors that are no I/O errors. */
    public static final class ForOneThread extends TypeSerializerSingleton<String> {
        static final String GONE = "of a class that is gone";

        private static final long serialVersionUID = 1L;

        private final transient AtomicReference<Thread> user = new AtomicReference<>();

        @Override
        public ForOneThread duplicate() {
            return new ForOneThread();
        }

        @Override
        public boolean isImmutableType() {
            return true;
        }

        @Override
        public String createInstance() {
            return "";
        }

        @Override
        public String copy(String from) {
            return from;
        }

        @Override
        public String copy(String from, String reuse) {
            return from;
        }

        @Override
        public int getLength() {
            return -1;
        }

        @Override
        public void serialize(String name, DataOutputView out) throws IOException {
            StringSerializer.INSTANCE.serialize(name, out);
        }

        @Override
        public String deserialize(DataInputView in) throws IOException {
            boolean alone = user.compareAndSet(null, Thread.currentThread());
            if (!alone) {
                SHARED.incrementAndGet();
            }
            meet();
            String name = StringSerializer.INSTANCE.deserialize(in);
            if (name.equals(GONE)) {
                throw new IllegalStateException("no such class");
            }
            if (alone) {
                user.set(null);
            }
            return name;
        }

        private static void meet() {
            CyclicBarrier here = meeting;
            if (here != null) {
                try {
                    here.await(60, TimeUnit.SECONDS);
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            }
        }

        @Override
        public String deserialize(String reuse, DataInputView in) throws IOException {
            return deserialize(in);
        }

        @Override
        public void copy(DataInputView from, DataOutputView to) throws IOException {
            StringSerializer.INSTANCE.copy(from, to);
        }

        @Override
        public TypeSerializerSnapshot<String> snapshotConfiguration() {
            return new OfForOneThread();
        }
    }

    /** No configuration. */
    public static final class OfForOneThread extends SimpleTypeSerializerSnapshot<String> {
        public OfForOneThread() {
            super(ForOneThread::new);
        }
    }
}
