package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import io.lazystate.run.RowBlock;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyHandle;

/** Which keys are told to be hot, of reads whose distribution is known. */
class HotKeysTest {
    private static final int KEYS = 2_000_000;
    private static final int SAMPLES = 500_000;

    @TempDir Path directory;

    private final HotKeys hot = new HotKeys();
    private final SplittableRandom random = new SplittableRandom(1);
    private PagedState state;

    @BeforeEach
    void createState() {
        state = state(1);
    }

    @Test
    void thoseReadMostAreFoundAmongManyThatAreReadNowAndThen() {
        for (int i = 0; i < SAMPLES; i++) {
            sample(state, skewed());
        }
        assertThat(hottest(1_000)).containsAll(keys(0, 500));
    }

    @Test
    void thoseOfAnEvenLoadAreNotHot() {
        for (int i = 0; i < SAMPLES; i++) {
            sample(state, random.nextInt(KEYS));
        }
        assertThat(hot.all()).hasSizeLessThan(HotKeys.SKETCH_SLOTS / 4);
    }

    @Test
    void thoseThatAreReadNoMoreAreForgotten() {
        sampleAll(state, 0, HotKeys.WINDOW_SAMPLES / 2);
        sampleAll(state, 100, HotKeys.WINDOW_SAMPLES);
        assertThat(hottest(200)).containsAll(keys(0, 200));
        sampleAll(state, 100, HotKeys.WINDOW_SAMPLES * 3 / 2);
        assertThat(hottest(200)).containsExactlyInAnyOrderElementsOf(keys(100, 200));
    }

    @Test
    void restoredOnesAreHotUntilOthersAreReadMore() {
        TreeMap<byte[], byte[]> rows = new TreeMap<>(Arrays::compareUnsigned);
        for (int key = 0; key < 1_000; key++) {
            rows.put(key(key), new byte[0]);
        }
        hot.seed(state, RowBlock.of(rows));
        assertThat(hottest(1_000)).containsExactlyInAnyOrderElementsOf(keys(0, 1_000));
        sampleAll(state, 5_000, 1_000);
        assertThat(hottest(100)).containsExactlyInAnyOrderElementsOf(keys(5_000, 5_100));
    }

    @Test
    void theSameKeyOfTwoStatesIsTwo() {
        PagedState other = state(2);
        sampleAll(state, 0, 500);
        sampleAll(other, 0, 300);
        assertThat(hot.all())
                .hasSize(200)
                .allSatisfy(
                        key -> assertThat(key.samples()).isEqualTo(key.state() == state ? 5 : 3));
    }

    @Test
    void onlySomeReadsAreCounted() {
        for (int i = 0; i < HotKeys.READS_A_SAMPLE * 3; i++) {
            if (hot.noteRead()) {
                hot.count(state, key(7));
            }
        }
        assertThat(hot.all()).singleElement().extracting(HotKeys.HotKey::samples).isEqualTo(3L);
    }

    /** A key's share of the reads is about one by its number: Zipf's law. */
    private int skewed() {
        return (int) Math.pow(KEYS, random.nextDouble()) - 1;
    }

    /** One after the other of a hundred keys. */
    private void sampleAll(PagedState of, int firstKey, int samples) {
        for (int i = 0; i < samples; i++) {
            sample(of, firstKey + i % 100);
        }
    }

    private void sample(PagedState of, int key) {
        hot.count(of, key(key));
    }

    private Set<ByteBuffer> hottest(int count) {
        List<HotKeys.HotKey> all = new ArrayList<>(hot.all());
        all.sort(Comparator.comparingLong(HotKeys.HotKey::samples).reversed());
        Set<ByteBuffer> keys = new HashSet<>();
        all.stream().limit(count).forEach(key -> keys.add(ByteBuffer.wrap(key.key())));
        return keys;
    }

    private static List<ByteBuffer> keys(int from, int to) {
        List<ByteBuffer> keys = new ArrayList<>();
        for (int key = from; key < to; key++) {
            keys.add(ByteBuffer.wrap(key(key)));
        }
        return keys;
    }

    private PagedState state(int id) {
        return new PagedState(
                id, "state", mock(ColumnFamilyHandle.class), new ChangeLog(directory, 1 << 10));
    }

    private static byte[] key(int key) {
        return ByteBuffer.allocate(6).putShort((short) (key % 128)).putInt(key).array();
    }
}
