package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.BackendBuildingException;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** A manifest that is not what was written fails the restore, by name, in every loading mode. */
class DamagedManifestTest {
    @TempDir Path checkpoints;
    @TempDir Path local;

    private TestTask.Start start;
    private KeyedStateHandle handle;
    private Path manifest;

    @BeforeEach
    void writeCheckpoint() throws Exception {
        Configuration config = new Configuration();
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        start = new TestTask.Start(checkpoints, config);
        try (TestTask task = TestTask.start(start)) {
            task.key(1);
            task.state(new ValueStateDescriptor<>("v", StringSerializer.INSTANCE)).update("value");
            handle = task.checkpoint(1, new TestJobManager());
        }
        manifest = new WrittenCheckpoint(handle).manifestFile();
    }

    @ParameterizedTest
    @EnumSource(value = Damage.class, mode = Mode.EXCLUDE, names = "FLIPPED")
    void thatIsNotWhole(Damage damage) throws Exception {
        damage.apply(manifest);
        assertRestoreFails();
    }

    /** Magic, version, body and checksum are all covered. */
    @Test
    void ofWhichOneBitIsFlipped() throws Exception {
        byte[] intact = Files.readAllBytes(manifest);
        for (int offset : new int[] {0, 3, 4, 6, intact.length / 2, intact.length - 1}) {
            Damage.FLIPPED.apply(manifest, offset);
            assertRestoreFails();
            Files.write(manifest, intact);
        }
        TestTask.restore(start, List.of(handle)).close();
    }

    private void assertRestoreFails() throws Exception {
        Throwable failure = catchThrowable(() -> TestTask.restore(start, List.of(handle)).close());
        LazyStateException e =
                ExceptionUtils.findThrowable(failure, LazyStateException.class).orElseThrow();
        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(failure)
                .isInstanceOf(BackendBuildingException.class)
                .hasMessageContaining("The keyed state of op")
                .hasMessageContaining(manifest.toUri().getPath())
                .hasMessageContaining("restore from a backup copy, or from an older checkpoint");
        try (Stream<Path> left = Files.list(local)) {
            assertThat(left).as("nothing of the failed restore is left").isEmpty();
        }
    }
}
