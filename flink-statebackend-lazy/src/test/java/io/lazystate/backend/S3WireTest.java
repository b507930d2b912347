package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.metrics.StoreMetrics;
import io.lazystate.store.Backoff;
import io.lazystate.store.R2Double;
import io.lazystate.store.Retries;
import io.lazystate.store.S3Clients;
import io.lazystate.store.S3Limits;
import io.lazystate.store.SchemeRouter;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.state.IncrementalKeyedStateHandle.HandleAndLocalPath;
import org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What restoring and reading cost on the wire: requests and connections, counted by the store. */
class S3WireTest {
    private static final int KEYS = 6_000;
    private static final ValueStateDescriptor<String> STATE =
            new ValueStateDescriptor<>("v", StringSerializer.INSTANCE);
    private static final S3Limits LIMITS =
            new S3Limits(
                    true, 8, 4, Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ZERO, 0);

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();
    private final S3Clients clients = new S3Clients(false);
    private R2Double store;
    private KeyedStateHandle handle;

    @BeforeEach
    void writeACheckpointAndMoveItToTheStore() throws Exception {
        store = new R2Double();
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(256 << 10));
        try (TestTask task = TestTask.start(new TestTask.Start(checkpoints, config))) {
            ValueState<String> state = task.state(STATE);
            for (long key = 0; key < KEYS; key++) {
                task.key(key);
                state.update("value " + key);
            }
            handle = inStore(task.checkpoint(1, new TestJobManager()));
        }
    }

    @AfterEach
    void stop() {
        store.close();
    }

    @Test
    void aRestoreIsOneRequestAndAColdKeyOneWaveOverConnectionsThatStayOpen() throws Exception {
        try (TestTask task = restored()) {
            assertThat(store.ranges()).as("the manifest").hasSize(1);

            ValueState<String> state = task.state(STATE);
            task.key(7L);
            assertThat(state.value()).isEqualTo("value 7");
            task.settled(); // nobody waits for the filter
            assertThat(store.ranges()).as("and a page and a filter, at once").hasSize(3);
            assertThat(store.connections()).as("as wide as the wave").isLessThanOrEqualTo(2);

            for (long key = 0; key < KEYS; key += 50) {
                task.key(key);
                assertThat(state.value()).isEqualTo("value " + key);
            }
            task.settled();
            assertThat(store.ranges().size())
                    .as("every request at the port is one on the wire, and no other is")
                    .isEqualTo((int) task.reads().requests())
                    .isGreaterThan(50);
            assertThat(store.connections()).isLessThanOrEqualTo(2);
        }
    }

    @Test
    void anExtentThatIsLoadedWholeIsOneRequest() throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.EAGER);
        try (TestTask task = restored()) {
            assertThat(store.ranges())
                    .as("manifest and extents")
                    .hasSize(1 + (int) task.metrics().extentsLinked().sum());
        }
    }

    @Test
    void noThreadSurvivesTheBackend() throws Exception {
        restored().close();

        assertThat(store.ranges()).isNotEmpty();
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("lazy-state-s3")) {
                thread.join(); // hangs if it is not told to end
            }
        }
    }

    @Test
    void theDefaultReaderGoesByTheOptionsOfTheTaskManager() {
        StoredObject object = new StoredObject("o", 10, store.put("o", new byte[10]));
        Configuration settings = store.settings();
        settings.setString("s3.connection.max-idle-time", "1 ms"); // the process shares them
        var reader =
                Ports.DEFAULT.reader(settings, LazySettings.from(config).s3(), new StoreMetrics());

        assertThat(reader.read(object, 0, 10)).hasSize(10);

        assertThat(store.ranges()).hasSize(1);
        reader.release();
    }

    private TestTask restored() throws Exception {
        Retries once =
                new Retries(1, new Backoff(0, 0, () -> 0), Thread::sleep, new StoreMetrics());
        return TestTask.restore(
                TestTask.Start.withStore(
                        checkpoints,
                        config,
                        flink -> new SchemeRouter(flink, clients, store.settings(), LIMITS, once)),
                List.of(handle));
    }

    private KeyedStateHandle inStore(KeyedStateHandle local) throws IOException {
        IncrementalRemoteKeyedStateHandle files = (IncrementalRemoteKeyedStateHandle) local;
        List<HandleAndLocalPath> shared = new ArrayList<>();
        for (HandleAndLocalPath file : files.getSharedState()) {
            shared.add(HandleAndLocalPath.of(inStore(file.getHandle()), file.getLocalPath()));
        }
        return new IncrementalRemoteKeyedStateHandle(
                files.getBackendIdentifier(),
                files.getKeyGroupRange(),
                files.getCheckpointId(),
                shared,
                List.of(),
                inStore(files.getMetaDataStateHandle()));
    }

    private StreamStateHandle inStore(StreamStateHandle local) throws IOException {
        Path file = WrittenCheckpoint.file(local);
        return store.put(file.getFileName().toString(), Files.readAllBytes(file));
    }
}
