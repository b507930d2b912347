package io.lazystate.paging;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The arena and the sorter of its entries. */
class KeyArenaTest {

    @ParameterizedTest
    @ValueSource(ints = {16, 64, 1000, 4096, 100_000, 1 << 20, (1 << 20) + 1})
    void holdsEachKeyOnceUntilFull(int capacityBytes) {
        KeyArena arena = new KeyArena(capacityBytes);
        for (int round = 0; round < 2; round++) {
            Random random = new Random(capacityBytes);
            Set<ByteBuffer> model = new HashSet<>();
            byte[] key;
            do {
                key = new byte[random.nextInt(30)];
                random.nextBytes(key);
                // Few distinct ones of each length.
                Arrays.fill(key, 0, key.length * 7 / 8, (byte) 1);
                int keys = arena.keys();
                boolean known = model.contains(ByteBuffer.wrap(key));
                if (!arena.add(key, 0, key.length)) {
                    assertThat(known).isFalse();
                    assertThat(arena.keys()).isEqualTo(keys);
                    break;
                }
                assertThat(arena.keys()).isEqualTo(known ? keys : keys + 1);
                model.add(ByteBuffer.wrap(key));
            } while (model.size() < 50_000);

            assertThat(entries(arena.bytes(), arena.usedBytes())).isEqualTo(model);
            for (ByteBuffer each : model) {
                assertThat(arena.add(each.array(), 0, each.remaining())).isTrue();
            }
            assertThat(arena.keys()).isEqualTo(model.size());
            arena.clear();
        }
    }

    @Test
    void keysThatDifferInOneBitAreDifferent() {
        KeyArena arena = new KeyArena(1 << 20);
        byte[] key = new byte[40];
        for (int bit = 0; bit < 320; bit++) {
            key[bit / 8] ^= (byte) (1 << bit % 8);
            assertThat(arena.add(key, 0, key.length)).isTrue();
            assertThat(arena.keys()).isEqualTo(bit + 1);
            key[bit / 8] ^= (byte) (1 << bit % 8);
        }
    }

    @Test
    void keysOfZerosDifferByTheirLength() {
        KeyArena arena = new KeyArena(1 << 20);
        for (int length = 0; length < 500; length++) {
            arena.add(new byte[500], 500 - length, length);
        }
        assertThat(arena.keys()).isEqualTo(500);
    }

    @Test
    void sortsContinuationsBehindTheirPrefix() {
        // Each key is a prefix of the next: as deep as the sorter can get.
        KeyArena arena = new KeyArena(1 << 22);
        byte[] longest = new byte[2500];
        for (int length = longest.length; length > 0; length--) {
            assertThat(arena.add(longest, 0, length)).isTrue();
        }
        byte[] sorted = new KeySorter().sort(arena.bytes(), arena.usedBytes(), arena.keys());
        int position = 0;
        for (int length = 1; length <= longest.length; length++) {
            assertThat((int) KeyArena.LENGTH.get(sorted, position)).isEqualTo(length);
            position += KeyArena.HEADER_BYTES + length;
        }
        assertThat(position).isEqualTo(arena.usedBytes());
    }

    @Test
    void sortsUnsigned() {
        KeySorter sorter = new KeySorter();
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            KeyArena arena = new KeyArena(1 << 20);
            TreeSet<byte[]> model = new TreeSet<>(Arrays::compareUnsigned);
            int prefix = random.nextInt(20);
            int values = 1 + random.nextInt(256);
            int most = 1 + random.nextInt(20);
            for (int i = random.nextInt(1000); i >= 0; i--) {
                byte[] key = new byte[prefix + random.nextInt(most)];
                for (int at = prefix; at < key.length; at++) {
                    key[at] = (byte) (random.nextInt(values) * 255 / values);
                }
                arena.add(key, 0, key.length);
                model.add(key);
            }
            byte[] sorted = sorter.sort(arena.bytes(), arena.usedBytes(), arena.keys());
            int position = 0;
            for (byte[] key : model) {
                int length = (int) KeyArena.LENGTH.get(sorted, position);
                position += KeyArena.HEADER_BYTES;
                assertThat(Arrays.copyOfRange(sorted, position, position + length)).isEqualTo(key);
                position += length;
            }
            assertThat(position).isEqualTo(arena.usedBytes());
        }
    }

    private static Set<ByteBuffer> entries(byte[] bytes, int usedBytes) {
        Set<ByteBuffer> entries = new HashSet<>();
        int position = 0;
        while (position < usedBytes) {
            int length = (int) KeyArena.LENGTH.get(bytes, position);
            position += KeyArena.HEADER_BYTES;
            assertThat(entries.add(ByteBuffer.wrap(bytes, position, length))).isTrue();
            position += length;
        }
        return entries;
    }
}
