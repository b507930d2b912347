package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.metrics.StoreMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.runtime.state.filesystem.FileStateHandle;
import org.junit.jupiter.api.Test;

/** Handles of files, behind all the readers that the backend stacks. */
class FileHandleTest extends RangedReaderContract {

    @Override
    RangedReader reader() {
        RangedReader counting = new CountingReader(new StateHandleReader());
        return new RetryingReader(
                counting,
                new Retries(3, new Backoff(0, 0, () -> 0), millis -> {}, new StoreMetrics()));
    }

    @Override
    StoredObject store(String name, byte[] content, long statedLength) throws IOException {
        Path file = Files.write(directory.resolve(name), content);
        return new StoredObject(
                name,
                statedLength,
                new FileStateHandle(
                        new org.apache.flink.core.fs.Path(file.toUri()), content.length));
    }

    @Test
    void deletedFileIsCorruptAndMissing() throws IOException {
        StoredObject object = store("gone", new byte[10], 10);
        Files.delete(directory.resolve("gone"));

        LazyStateException e = failure(() -> reader().read(object, 0, 10));

        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e).hasMessageContaining("missing").hasMessageContaining("gone [0, 10)");
    }
}
