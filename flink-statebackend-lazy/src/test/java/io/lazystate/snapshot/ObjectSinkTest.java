package io.lazystate.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.run.WrittenRun;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDB;

class ObjectSinkTest {
    @TempDir Path local;

    private final ObjectStore store = new ObjectStore();

    @BeforeAll
    static void loadRocksDB() {
        RocksDB.loadLibrary();
    }

    @Test
    void whatACancelledCheckpointWroteIsDiscardedThoughItsThreadIsInterrupted() throws Exception {
        try (ObjectSink sink = sink()) {
            append(sink); // fills an object, which is complete
            append(sink);
            assertThat(store.objects).hasSize(2);
            Thread.currentThread().interrupt();
        }
        assertThat(Thread.interrupted()).as("still to be seen by others").isTrue();
        assertThat(store.objects).isEmpty();
    }

    @Test
    void whatAStreamUnderWayWroteIsDiscardedThoughItsThreadIsInterrupted() throws Exception {
        try (ObjectSink sink =
                new ObjectSink(
                        store, CheckpointedStateScope.SHARED, new CloseableRegistry(), 1 << 20)) {
            append(sink);
            assertThat(store.objects).hasSize(1);
            Thread.currentThread().interrupt();
        }
        assertThat(Thread.interrupted()).as("still to be seen by others").isTrue();
        assertThat(store.objects).isEmpty();
    }

    @Test
    void whatIsHandedOverStays() throws Exception {
        try (ObjectSink sink = sink()) {
            append(sink);
            assertThat(sink.finish()).hasSize(1);
            sink.handOver();
        }
        assertThat(store.objects).hasSize(1);
    }

    /** One that begins a new object for each run. */
    private ObjectSink sink() {
        return new ObjectSink(store, CheckpointedStateScope.SHARED, new CloseableRegistry(), 1);
    }

    private void append(ObjectSink sink) throws IOException {
        Path file = local.resolve("run-" + store.objects.size());
        try (RunWriter writer = new RunWriter(file, RunFormat.ofPages(1024))) {
            writer.put(new byte[] {1}, new byte[] {2});
            try (WrittenRun run = writer.finish()) {
                sink.append(run);
            }
        }
    }

    /** Does nothing for an interrupted thread, as clients of object stores do. */
    private static final class ObjectStore implements CheckpointStreamFactory {
        private final List<String> objects = new ArrayList<>();
        private int created;

        private void delete(String name) throws IOException {
            if (Thread.currentThread().isInterrupted()) {
                throw new IOException("interrupted");
            }
            objects.remove(name);
        }

        @Override
        public CheckpointStateOutputStream createCheckpointStateOutputStream(
                CheckpointedStateScope scope) {
            String name = "object " + created++;
            objects.add(name);
            return new ObjectStream(this, name);
        }

        @Override
        public boolean canFastDuplicate(StreamStateHandle handle, CheckpointedStateScope scope) {
            return false;
        }

        @Override
        public List<StreamStateHandle> duplicate(
                List<StreamStateHandle> handles, CheckpointedStateScope scope) {
            throw new AssertionError("cannot");
        }
    }

    /** Deletes its object if it is closed without a handle. */
    private static final class ObjectStream extends CheckpointStateOutputStream {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final ObjectStore store;
        private final String name;

        ObjectStream(ObjectStore store, String name) {
            this.store = store;
            this.name = name;
        }

        @Override
        public StreamStateHandle closeAndGetHandle() {
            return new ByteStreamStateHandle(name, bytes.toByteArray()) {
                private static final long serialVersionUID = 1L;

                @Override
                public void discardState() {
                    try {
                        store.delete(name);
                    } catch (IOException e) {
                        throw new IllegalStateException(e);
                    }
                }
            };
        }

        @Override
        public void close() throws IOException {
            store.delete(name);
        }

        @Override
        public long getPos() {
            return bytes.size();
        }

        @Override
        public void write(int b) {
            bytes.write(b);
        }

        @Override
        public void write(byte[] b, int offset, int length) {
            bytes.write(b, offset, length);
        }

        @Override
        public void flush() {}

        @Override
        public void sync() {}
    }
}
