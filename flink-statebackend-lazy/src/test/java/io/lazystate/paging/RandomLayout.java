package io.lazystate.paging;

import io.lazystate.manifest.Extent;
import io.lazystate.manifest.StateLayout;
import io.lazystate.run.Run;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.run.WrittenRun;
import io.lazystate.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;

/** Random layouts of a state with runs in memory, and the rows that they must show. */
final class RandomLayout {
    private static final byte[] ALPHABET = {0, 1, 'a', 0x7f, (byte) 0x80, (byte) 0xff};

    private final Random random;
    private final Path directory;
    private final String prefix;
    private int runs;

    /**
     * @param directory for files on their way
     */
    RandomLayout(Random random, Path directory) {
        this(random, directory, "run-");
    }

    /**
     * As above.
     *
     * @param prefix of the names of all runs that this one writes
     */
    RandomLayout(Random random, Path directory, String prefix) {
        this.random = random;
        this.directory = directory;
        this.prefix = prefix;
    }

    /** Keys that are often the same, and often the beginning of each other. */
    byte[] key() {
        byte[] key = new byte[1 + random.nextInt(3)];
        for (int i = 0; i < key.length; i++) {
            key[i] = ALPHABET[random.nextInt(ALPHABET.length)];
        }
        return key;
    }

    byte[] value() {
        byte[] value = new byte[random.nextInt(40) == 0 ? 2000 : random.nextInt(10)];
        random.nextBytes(value);
        return value;
    }

    static NavigableMap<byte[], byte[]> noRows() {
        return new TreeMap<>(Arrays::compareUnsigned);
    }

    /** The rows before a key; none if they all are behind it. */
    static NavigableMap<byte[], byte[]> headOf(NavigableMap<byte[], byte[]> rows, byte[] end) {
        NavigableMap<byte[], byte[]> head = noRows();
        rows.forEach(
                (key, value) -> {
                    if (Arrays.compareUnsigned(key, end) < 0) {
                        head.put(key, value);
                    }
                });
        return head;
    }

    /**
     * Draws some extents, with bases that may go beyond them, and deltas that several share.
     *
     * @param rows empty; gets what a state with this layout holds
     */
    StateLayout draw(NavigableMap<byte[], byte[]> rows) throws Exception {
        for (int i = random.nextInt(60); i > 0; i--) {
            rows.put(key(), value());
        }
        NavigableSet<byte[]> cuts = new TreeSet<>(Arrays::compareUnsigned);
        for (int i = random.nextInt(6); i > 0; i--) {
            cuts.add(key());
        }
        List<Extent> extents = new ArrayList<>();
        byte[] lower = {};
        for (byte[] cut : cuts) {
            extents.add(new Extent(lower, cut, base(rows, lower, cut), List.of()));
            lower = cut;
        }
        extents.add(new Extent(lower, null, base(rows, lower, null), List.of()));
        for (int i = random.nextInt(4); i > 0; i--) {
            change(rows, extents);
        }
        return StateLayout.of(extents);
    }

    private Run base(NavigableMap<byte[], byte[]> rows, byte[] lower, byte[] upper)
            throws Exception {
        NavigableMap<byte[], byte[]> content = noRows();
        if (random.nextInt(3) == 0) {
            for (int i = 0; i < 5; i++) {
                content.put(key(), value()); // of a neighbour, as after a rescale
            }
        }
        range(content, lower, upper).clear();
        content.putAll(range(rows, lower, upper));
        return content.isEmpty() ? null : write(content);
    }

    private void change(NavigableMap<byte[], byte[]> rows, List<Extent> extents) throws Exception {
        NavigableMap<byte[], byte[]> changes = noRows();
        for (int i = random.nextInt(10); i >= 0; i--) {
            changes.put(key(), random.nextInt(3) == 0 ? null : value());
        }
        Run delta = write(changes);
        for (int i = 0; i < extents.size(); i++) {
            Extent extent = extents.get(i);
            if (!range(changes, extent.lower(), extent.upper()).isEmpty()) {
                extents.set(i, withDelta(extent, delta));
            }
        }
        changes.forEach(
                (key, value) -> {
                    if (value == null) {
                        rows.remove(key);
                    } else {
                        rows.put(key, value);
                    }
                });
    }

    /**
     * What a checkpoint could make of an extent.
     *
     * @param rows of the whole state
     * @param changes since the extent's last run, of the whole state; null values are removals
     * @param whole whether the extent must be written anew
     */
    List<Extent> checkpoint(
            Extent extent,
            NavigableMap<byte[], byte[]> rows,
            NavigableMap<byte[], byte[]> changes,
            boolean whole)
            throws Exception {
        NavigableMap<byte[], byte[]> changed = range(changes, extent.lower(), extent.upper());
        if (!whole && random.nextInt(3) > 0) {
            return List.of(changed.isEmpty() ? extent : withDelta(extent, write(changed)));
        }
        List<Extent> parts = new ArrayList<>();
        NavigableMap<byte[], byte[]> own = range(rows, extent.lower(), extent.upper());
        byte[] lower = extent.lower();
        if (own.size() > 1 && random.nextBoolean()) {
            byte[] cut = own.higherKey(own.firstKey());
            parts.add(new Extent(lower, cut, write(range(own, lower, cut)), List.of()));
            lower = cut;
        }
        NavigableMap<byte[], byte[]> rest = range(own, lower, extent.upper());
        parts.add(
                new Extent(lower, extent.upper(), rest.isEmpty() ? null : write(rest), List.of()));
        return parts;
    }

    private static Extent withDelta(Extent extent, Run delta) {
        List<Run> deltas = new ArrayList<>(extent.deltas());
        deltas.add(delta);
        return new Extent(extent.lower(), extent.upper(), extent.base(), deltas);
    }

    static NavigableMap<byte[], byte[]> range(
            NavigableMap<byte[], byte[]> rows, byte[] lower, byte[] upper) {
        return upper == null ? rows.tailMap(lower, true) : rows.subMap(lower, true, upper, false);
    }

    private Run write(NavigableMap<byte[], byte[]> rows) throws Exception {
        String name = prefix + ++runs;
        RunFormat format = RunFormat.ofPages(1 << random.nextInt(8));
        try (RunWriter writer = new RunWriter(directory.resolve(name + ".sst"), format)) {
            rows.forEach(
                    (key, value) -> {
                        if (value == null) {
                            writer.remove(key);
                        } else {
                            writer.put(key, value);
                        }
                    });
            try (WrittenRun run = writer.finish()) {
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                run.writeTo(out);
                byte[] bytes = out.toByteArray();
                ByteStreamStateHandle handle = new ByteStreamStateHandle(name, bytes);
                Run written = run.at(new StoredObject(name, bytes.length, handle), 0);
                return random.nextBoolean() ? written : HeapRuns.withoutPageTable(written);
            }
        }
    }
}
