package io.lazystate.run;

import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Sorted rows for tests; a null value is a REMOVE. */
final class Rows {

    /** Rows by key. */
    static final class Model extends TreeMap<byte[], byte[]> {
        private static final long serialVersionUID = 1L;

        Model() {
            super(Arrays::compareUnsigned);
        }
    }

    private Rows() {}

    /**
     * The seed of {@code -Dfuzz.seed}, or a new one; printed, so that a failure can be replayed.
     */
    static long seed(Class<?> test) {
        Long given = Long.getLong("fuzz.seed");
        long seed = given == null ? System.nanoTime() : given;
        System.out.println(test.getSimpleName() + " runs with -Dfuzz.seed=" + seed);
        return seed;
    }

    /** Keys that share prefixes, are prefixes of each other, and differ in signed bytes. */
    static Model random(Random random, int rows, int maxValueBytes) {
        Model model = new Model();
        byte[] previous = {};
        while (model.size() < rows) {
            byte[] key = randomKey(random, previous);
            model.put(key, random.nextInt(5) == 0 ? null : randomValue(random, maxValueBytes));
            previous = key;
        }
        return model;
    }

    static byte[] randomKey(Random random, byte[] previous) {
        int shared = random.nextInt(previous.length + 1);
        byte[] key = Arrays.copyOf(previous, Math.min(60, shared + random.nextInt(12)));
        for (int i = shared; i < key.length; i++) {
            int kind = random.nextInt(4);
            key[i] = (byte) (kind == 0 ? 0 : kind == 1 ? 255 : random.nextInt(256));
        }
        return key;
    }

    /** Rows like those of Flink: key group, key, namespace; half of each value is noise. */
    static Model flinkLike(Random random, int rows, int valueBytes) {
        Model model = new Model();
        while (model.size() < rows) {
            byte[] key = new byte[19];
            random.nextBytes(key);
            key[0] = 0;
            Arrays.fill(key, 10, 19, (byte) 0);
            byte[] value = new byte[valueBytes];
            random.nextBytes(value);
            Arrays.fill(value, 0, valueBytes / 2, (byte) 'a');
            model.put(key, value);
        }
        return model;
    }

    static void write(Model model, RunWriter writer) {
        for (Map.Entry<byte[], byte[]> row : model.entrySet()) {
            if (row.getValue() == null) {
                writer.remove(row.getKey());
            } else {
                writer.put(row.getKey(), row.getValue());
            }
        }
    }

    private static byte[] randomValue(Random random, int maxBytes) {
        int limit = random.nextInt(20) == 0 ? maxBytes : Math.min(40, maxBytes);
        byte[] value = new byte[random.nextInt(limit + 1)];
        random.nextBytes(value);
        if (random.nextBoolean()) {
            Arrays.fill(value, (byte) 'v'); // Compresses; noise does not.
        }
        return value;
    }
}
