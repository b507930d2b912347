package io.lazystate.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What every reader does. */
abstract class RangedReaderContract {

    private static final int LENGTH = 300_000;

    @TempDir Path directory;

    private final byte[] content = new byte[LENGTH];
    private StoredObject object;
    private Path target;

    /** The reader under test. */
    abstract RangedReader reader();

    /** Stores an object, whose stated length may be wrong. */
    abstract StoredObject store(String name, byte[] content, long statedLength) throws IOException;

    @BeforeEach
    void storeObject() throws IOException {
        new Random(7).nextBytes(content);
        object = store("shared-41", content, LENGTH);
        target = directory.resolve("target");
    }

    @Test
    void readsExactlyTheRange() {
        assertThat(reader().read(object, 0, LENGTH)).isEqualTo(content);
        assertThat(reader().read(object, 1000, 70_000))
                .isEqualTo(Arrays.copyOfRange(content, 1000, 71_000));
        assertThat(reader().read(object, LENGTH - 1, 1)).containsExactly(content[LENGTH - 1]);
        assertThat(reader().read(object, LENGTH, 0)).isEmpty();
    }

    @Test
    void downloadsExactlyTheRange() throws IOException {
        int crc32c = reader().download(object, 1000, 200_001, target);

        byte[] expected = Arrays.copyOfRange(content, 1000, 201_001);
        assertThat(Files.readAllBytes(target)).isEqualTo(expected);
        CRC32C crc = new CRC32C();
        crc.update(expected);
        assertThat(crc32c).isEqualTo((int) crc.getValue());
    }

    @Test
    void downloadReplacesTheTarget() throws IOException {
        Files.write(target, new byte[500]);

        reader().download(object, 0, 10, target);

        assertThat(Files.readAllBytes(target)).isEqualTo(Arrays.copyOf(content, 10));
    }

    @Test
    void downloadsNothing() throws IOException {
        assertThat(reader().download(object, 5, 0, target)).isZero();
        assertThat(Files.readAllBytes(target)).isEmpty();
    }

    @Test
    void rangeBeyondTheStatedLengthIsCorrupt() {
        LazyStateException e = failure(() -> reader().read(object, LENGTH - 10, 11));

        assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(e.where()).isEqualTo(object.where(LENGTH - 10, 11));
    }

    @Test
    void objectThatIsShorterThanStatedIsCorrupt() throws IOException {
        StoredObject cut = store("cut", content, LENGTH + 100);

        LazyStateException read = failure(() -> reader().read(cut, LENGTH - 10, 50));
        LazyStateException download =
                failure(() -> reader().download(cut, LENGTH - 10, 50, target));

        assertThat(read.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(read.where()).isEqualTo(cut.where(LENGTH - 10, 50));
        assertThat(download.kind()).isEqualTo(Kind.CORRUPT);
        assertThat(target).doesNotExist();
    }

    @Test
    void negativeRangeIsOurBug() {
        assertThat(failure(() -> reader().read(object, -1, 1)).kind()).isEqualTo(Kind.INTERNAL);
        assertThat(failure(() -> reader().read(object, 1, -1)).kind()).isEqualTo(Kind.INTERNAL);
    }

    static LazyStateException failure(Runnable action) {
        LazyStateException e = catchThrowableOfType(LazyStateException.class, action::run);
        assertThat(e).isNotNull();
        return e;
    }
}
