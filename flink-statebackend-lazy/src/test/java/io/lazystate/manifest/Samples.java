package io.lazystate.manifest;

import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.RowBlock;
import io.lazystate.run.Run;
import io.lazystate.run.RunMeta;
import io.lazystate.store.StoredObject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;

/** Objects, runs and layouts for tests; their bytes are stored nowhere. */
final class Samples {

    private Samples() {}

    static StoredObject object(String name, long length) {
        return new StoredObject(name, length, new ByteStreamStateHandle(name, new byte[0]));
    }

    static RunMeta meta(byte[] firstKey, byte[] lastKey, long tableBytes, int pageTableBytes) {
        return meta(firstKey, lastKey, tableBytes, pageTableBytes, 1);
    }

    static RunMeta meta(
            byte[] firstKey, byte[] lastKey, long tableBytes, int pageTableBytes, int pages) {
        int crc = Arrays.hashCode(firstKey);
        return new RunMeta(
                tableBytes,
                crc,
                1000,
                firstKey,
                lastKey,
                pages,
                pageTableBytes,
                ~crc,
                130,
                crc >>> 3);
    }

    /** A run with a page table of one page. */
    static Run run(StoredObject object, long offset, byte[] firstKey, byte[] lastKey) {
        PageTable table =
                PageTable.of(List.of(new PageRef(firstKey, 0, 900, 77, new int[] {400, 500})));
        return new Run(
                object, offset, meta(firstKey, lastKey, 1000, table.toBytes().length), table);
    }

    static byte[] key(int... values) {
        byte[] key = new byte[values.length];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) values[i];
        }
        return key;
    }

    /** Extents between random keys; some without base, some with deltas, which others share. */
    static StateLayout randomLayout(Random random, int extents, StoredObject object) {
        TreeSet<byte[]> bounds = new TreeSet<>(Arrays::compareUnsigned);
        while (bounds.size() < extents) {
            byte[] key = new byte[random.nextInt(20) + 1];
            random.nextBytes(key);
            bounds.add(key);
        }
        bounds.pollFirst();
        List<Run> deltas = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            deltas.add(run(object, random.nextInt(9000), key(i), key(200, i)));
        }
        List<Extent> list = new ArrayList<>();
        byte[] lower = {};
        for (byte[] upper : bounds) {
            list.add(randomExtent(random, lower, upper, object, deltas));
            lower = upper;
        }
        list.add(randomExtent(random, lower, null, object, deltas));
        return StateLayout.of(list);
    }

    static Manifest manifest(Map<String, StateLayout> states) {
        return new Manifest(
                key(1, 2, 3), 16, 31, 1, new LinkedHashMap<>(states), Map.of(), Map.of());
    }

    /** Rows with distinct keys; about every tenth value is empty. */
    static RowBlock rows(Random random, int count) {
        TreeMap<byte[], byte[]> rows = new TreeMap<>(Arrays::compareUnsigned);
        while (rows.size() < count) {
            byte[] key = new byte[random.nextInt(20)];
            random.nextBytes(key);
            rows.put(key, new byte[random.nextInt(10) == 0 ? 0 : random.nextInt(300)]);
        }
        return RowBlock.of(rows);
    }

    private static Extent randomExtent(
            Random random, byte[] lower, byte[] upper, StoredObject object, List<Run> deltas) {
        byte[] first = random.nextBoolean() ? lower : Arrays.copyOf(lower, lower.length + 2);
        Run base =
                random.nextInt(4) == 0
                        ? null
                        : run(object, random.nextInt(9000), first, Arrays.copyOf(first, 30));
        int from = random.nextInt(deltas.size() + 1);
        return new Extent(lower, upper, base, deltas.subList(from, deltas.size()));
    }
}
