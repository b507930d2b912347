package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import java.util.Arrays;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A block of rows beside a sorted map of the same rows. */
class RowBlockTest {
    private static final Where WHERE = Where.object("chk-7/manifest");

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 17, 1000})
    void findsWhatTheMapFinds(int count) {
        Random random = new Random(count);
        NavigableMap<byte[], byte[]> map = rows(random, count);
        RowBlock block = RowBlock.fromBytes(RowBlock.of(map).toBytes(), WHERE);
        assertSame(block, map, random);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 17, 300})
    void aSliceIsTheMapsPart(int count) {
        Random random = new Random(count);
        NavigableMap<byte[], byte[]> map = rows(random, count);
        RowBlock block = RowBlock.of(map);
        for (int i = 0; i < 50; i++) {
            byte[] lower = key(random);
            byte[] upper = key(random);
            if (Arrays.compareUnsigned(lower, upper) <= 0) {
                RowBlock slice = block.slice(lower, upper);
                NavigableMap<byte[], byte[]> part = map.subMap(lower, true, upper, false);
                assertSame(slice, part, random);
                byte[] middle = key(random);
                if (Arrays.compareUnsigned(lower, middle) <= 0
                        && Arrays.compareUnsigned(middle, upper) < 0) {
                    assertSame(slice.slice(middle, null), part.tailMap(middle, true), random);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 40})
    void noDamagePassesUnnoticed(int count) {
        byte[] bytes = RowBlock.of(rows(new Random(count), count)).toBytes();
        for (int i = 0; i < bytes.length; i++) {
            byte[] damaged = bytes.clone();
            damaged[i] ^= 1;
            assertRefused(damaged);
            assertRefused(Arrays.copyOf(bytes, i));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 4, 8, 12, 20})
    void numbersThatLeadOutOfTheBlockAreRefused(int at) {
        NavigableMap<byte[], byte[]> map = new TreeMap<>(Arrays::compareUnsigned);
        map.put(new byte[] {1, 2, 3}, new byte[] {4});
        map.put(new byte[] {1, 2, 4}, new byte[] {5});
        byte[] content = StoredBlock.verify(stored(map), 0, stored(map).length, WHERE).decompress();
        for (int number : new int[] {-1, 1 << 30, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            byte[] wrong = content.clone();
            for (int i = 0; i < 4; i++) {
                wrong[at + i] = (byte) (number >>> 8 * i);
            }
            assertRefused(StoredBlock.store(wrong));
        }
    }

    private static byte[] stored(NavigableMap<byte[], byte[]> map) {
        return RowBlock.of(map).toBytes();
    }

    private static void assertRefused(byte[] bytes) {
        assertThatThrownBy(() -> RowBlock.fromBytes(bytes, WHERE))
                .isInstanceOf(LazyStateException.class)
                .hasMessageContaining("chk-7/manifest");
    }

    private static void assertSame(
            RowBlock block, NavigableMap<byte[], byte[]> map, Random random) {
        assertThat(block.size()).isEqualTo(map.size());
        int row = 0;
        for (Map.Entry<byte[], byte[]> entry : map.entrySet()) {
            assertThat(block.key(row)).isEqualTo(entry.getKey());
            assertThat(block.value(row)).isEqualTo(entry.getValue());
            assertThat(block.find(entry.getKey())).isEqualTo(row++);
        }
        for (int i = 0; i < 50; i++) {
            byte[] key = key(random);
            assertThat(block.find(key) >= 0).isEqualTo(map.containsKey(key));
            long before =
                    map.keySet().stream().filter(k -> Arrays.compareUnsigned(k, key) < 0).count();
            assertThat(block.ceiling(key)).isEqualTo((int) before);
        }
    }

    private static NavigableMap<byte[], byte[]> rows(Random random, int count) {
        NavigableMap<byte[], byte[]> rows = new TreeMap<>(Arrays::compareUnsigned);
        while (rows.size() < count) {
            byte[] value = new byte[random.nextInt(50)];
            random.nextBytes(value);
            rows.put(key(random), random.nextBoolean() ? value : new byte[value.length]);
        }
        return rows;
    }

    /** Short ones, so that some come twice. */
    private static byte[] key(Random random) {
        byte[] key = new byte[random.nextInt(4)];
        random.nextBytes(key);
        return key;
    }
}
