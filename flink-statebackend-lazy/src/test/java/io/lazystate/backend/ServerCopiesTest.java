package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.RunnableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.CheckpointType;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStorageLocationReference;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A self-contained checkpoint where the file system copies objects on its own side: what it did is
 * used, what it only says it did is not.
 */
class ServerCopiesTest {
    private static final int KEYS = 2_000;
    private static final CheckpointOptions FULL =
            new CheckpointOptions(
                    CheckpointType.FULL_CHECKPOINT,
                    CheckpointStorageLocationReference.getDefault());
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);

    /** What comes of a copy. */
    private enum Copies {
        MISSING {
            @Override
            void write(Path source, Path target) {}
        },
        SHORT {
            @Override
            void write(Path source, Path target) throws IOException {
                byte[] bytes = Files.readAllBytes(source);
                Files.write(target, Arrays.copyOf(bytes, bytes.length - 1));
            }
        },
        OTHER_BYTES {
            @Override
            void write(Path source, Path target) throws IOException {
                Files.write(target, new byte[(int) Files.size(source)]);
            }
        },
        FAILED {
            @Override
            void write(Path source, Path target) throws IOException {
                throw new IOException("the store does not answer");
            }
        };

        abstract void write(Path source, Path target) throws IOException;
    }

    private interface Copier {
        void write(Path source, Path target) throws IOException;
    }

    @TempDir Path own;
    @TempDir Path foreign;

    private final Configuration config = new Configuration();
    private KeyedStateHandle notClaimed;

    @BeforeEach
    void writeCheckpointOfAnotherJob() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(8 << 10));
        try (TestTask task = TestTask.start(new TestTask.Start(foreign, config))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("old " + key);
            }
            notClaimed = task.checkpoint(1, new TestJobManager());
        }
    }

    @Test
    void whatTheStoreCopiedIsNotStreamed() throws Exception {
        Set<Path> copies = new HashSet<>();
        try (TestTask task = restore(notClaimed)) {
            long pages = task.metrics().pagesLoaded().sum();
            KeyedStateHandle full =
                    writeFull(
                            task,
                            (source, target) -> {
                                Files.copy(source, target, StandardCopyOption.COPY_ATTRIBUTES);
                                copies.add(target);
                            });
            assertThat(task.written().checkpointCopiedBytes().sum()).isZero();
            assertThat(task.metrics().pagesLoaded().sum()).isEqualTo(pages);
            assertThat(WrittenCheckpoint.files(full)).containsAll(copies);
            assertSelfContained(full);
        }
        assertThat(copies).hasSizeGreaterThan(1);
    }

    @ParameterizedTest
    @EnumSource(Copies.class)
    void whatIsNotThereIsStreamed(Copies copies) throws Exception {
        try (TestTask task = restore(notClaimed)) {
            KeyedStateHandle full = writeFull(task, copies::write);
            assertThat(task.written().checkpointCopiedBytes().sum()).isPositive();
            assertSelfContained(full);
        }
    }

    private TestTask restore(KeyedStateHandle handle) throws Exception {
        return TestTask.restore(new TestTask.Start(own, config), List.of(handle));
    }

    private static KeyedStateHandle writeFull(TestTask task, Copier copier) throws Exception {
        RunnableFuture<SnapshotResult<KeyedStateHandle>> future =
                task.trigger(2, FULL, streams -> new CopyingStreams(streams, copier));
        future.run();
        return future.get().getJobManagerOwnedSnapshot();
    }

    private void assertSelfContained(KeyedStateHandle full) throws Exception {
        assertThat(filesOf(own)).isEqualTo(WrittenCheckpoint.files(full));
        for (Path file : filesOf(foreign)) {
            Files.delete(file);
        }
        try (TestTask task = restore(full)) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                assertThat(state.value()).isEqualTo("old " + key);
            }
        }
    }

    private static Set<Path> filesOf(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).collect(Collectors.toSet());
        }
    }

    /** Streams of a file system that offers to copy files. */
    private record CopyingStreams(CheckpointStreamFactory streams, Copier copier)
            implements CheckpointStreamFactory {
        @Override
        public CheckpointStateOutputStream createCheckpointStateOutputStream(
                CheckpointedStateScope scope) throws IOException {
            return streams.createCheckpointStateOutputStream(scope);
        }

        @Override
        public boolean canFastDuplicate(StreamStateHandle handle, CheckpointedStateScope scope) {
            return handle instanceof FileStateHandle;
        }

        @Override
        public List<StreamStateHandle> duplicate(
                List<StreamStateHandle> handles, CheckpointedStateScope scope) throws IOException {
            Path directory;
            try (CheckpointStateOutputStream out = createCheckpointStateOutputStream(scope)) {
                out.write(1);
                StreamStateHandle probe = out.closeAndGetHandle();
                directory = WrittenCheckpoint.file(probe).getParent();
                discard(probe);
            }
            List<StreamStateHandle> copies = new ArrayList<>();
            for (StreamStateHandle handle : handles) {
                Path target = directory.resolve(UUID.randomUUID().toString());
                copier.write(WrittenCheckpoint.file(handle), target);
                copies.add(
                        new FileStateHandle(
                                new org.apache.flink.core.fs.Path(target.toUri()),
                                handle.getStateSize()));
            }
            return copies;
        }

        private static void discard(StreamStateHandle handle) throws IOException {
            try {
                handle.discardState();
            } catch (Exception e) {
                throw new IOException(e);
            }
        }

        @Override
        public boolean couldReuseStateHandle(StreamStateHandle handle) {
            return streams.couldReuseStateHandle(handle);
        }

        @Override
        public void reusePreviousStateHandle(Collection<? extends StreamStateHandle> handles) {
            streams.reusePreviousStateHandle(handles);
        }
    }
}
