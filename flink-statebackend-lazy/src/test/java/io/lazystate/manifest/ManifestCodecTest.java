package io.lazystate.manifest;

import static io.lazystate.manifest.Samples.key;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.run.Crc32c;
import io.lazystate.run.PageRef;
import io.lazystate.run.PageTable;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ManifestCodecTest {

    private static final Where WHERE = Where.object("chk-7/manifest");

    private final StoredObject object = Samples.object("shared/41", 20_000);
    private final Function<String, StoredObject> objects = Map.of("shared/41", object)::get;

    @Test
    void comesBackFromItsBytes() {
        for (int seed = 0; seed < 15; seed++) {
            Manifest manifest = random(seed);

            Manifest decoded = decode(ManifestCodec.encode(manifest, 500), objects);

            assertThat(decoded)
                    .usingRecursiveComparison()
                    .ignoringFieldsMatchingRegexes(".*\\.pageTable", "heat")
                    .isEqualTo(manifest);
            assertThat(heat(decoded)).isEqualTo(heat(manifest)).contains(0, 255);
            assertThat(decoded.states().keySet())
                    .containsExactlyElementsOf(manifest.states().keySet());
        }
    }

    @Test
    void equalManifestsGiveEqualBytes() {
        Manifest manifest = random(1);
        byte[] bytes = ManifestCodec.encode(manifest, Long.MAX_VALUE);

        assertThat(ManifestCodec.encode(decode(bytes, objects), Long.MAX_VALUE)).isEqualTo(bytes);
    }

    @Test
    void sharedRunComesBackAsOneRun() {
        Run delta = Samples.run(object, 0, key(1), key(9));
        StateLayout layout =
                StateLayout.of(
                        List.of(
                                new Extent(key(), key(5), null, List.of(delta)),
                                new Extent(key(5), null, null, List.of(delta))));

        Manifest decoded = decode(ManifestCodec.encode(manifest("orders", layout), 0), objects);

        StateLayout orders = decoded.states().get("orders");
        assertThat(orders.runs()).hasSize(1);
        assertThat(orders.objects()).first().isSameAs(object);
    }

    @Test
    void inlinesTheSmallestPageTablesThatFit() {
        Run small = run(0, 1);
        Run medium = run(5000, 3);
        Run large = run(10_000, 9);
        StateLayout layout =
                StateLayout.of(
                        List.of(
                                new Extent(key(), key(5), large, List.of(medium)),
                                new Extent(key(5), null, small, List.of(withoutPageTable()))));
        Manifest manifest = manifest("orders", layout);
        int budget = small.meta().pageTableBytes() + medium.meta().pageTableBytes();

        assertThat(inlined(manifest, 0)).containsExactly(false, false, false, false);
        assertThat(inlined(manifest, budget - 1)).containsExactly(false, false, true, false);
        assertThat(inlined(manifest, budget)).containsExactly(false, true, true, false);
        assertThat(inlined(manifest, Long.MAX_VALUE)).containsExactly(true, true, true, false);
    }

    @Test
    void inlinesPageTablesOfStatesThatAreReadFirstBeforeSmallerOnes() {
        Run small = run(0, 1);
        Run large = run(10_000, 9);
        Map<String, StateLayout> states = new LinkedHashMap<>();
        states.put("orders", StateLayout.of(List.of(new Extent(key(), null, small, List.of()))));
        states.put("timers", StateLayout.of(List.of(new Extent(key(), null, large, List.of()))));

        Manifest decoded =
                decode(
                        ManifestCodec.encode(
                                Samples.manifest(states),
                                large.meta().pageTableBytes(),
                                Set.of("timers")),
                        objects);

        assertThat(decoded.states().get("orders").runs().get(0).pageTable()).isNull();
        assertThat(decoded.states().get("timers").runs().get(0).pageTable()).isNotNull();
    }

    @Test
    void inlinedPageTableIsWhatItWas() {
        Run run = run(0, 9);
        Manifest manifest =
                manifest(
                        "orders", StateLayout.of(List.of(new Extent(key(), null, run, List.of()))));

        Manifest decoded = decode(ManifestCodec.encode(manifest, Long.MAX_VALUE), objects);

        PageTable table = decoded.states().get("orders").runs().get(0).pageTable();
        assertThat(table.toBytes()).isEqualTo(run.pageTable().toBytes());
    }

    @Test
    void flippedBitIsCorrupt() {
        byte[] bytes = ManifestCodec.encode(random(2), 500);
        for (int bit = 0; bit < bytes.length * 8; bit += 3) {
            byte[] flipped = bytes.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            assertFails(flipped, Kind.CORRUPT);
        }
    }

    @Test
    void otherLengthIsCorrupt() {
        byte[] bytes = ManifestCodec.encode(random(2), 500);
        for (int length = 0; length < bytes.length; length++) {
            assertFails(Arrays.copyOf(bytes, length), Kind.CORRUPT);
        }
        assertFails(Arrays.copyOf(bytes, bytes.length + 1), Kind.CORRUPT);
    }

    /** Even if the checksum were computed over damaged bytes: an error, never a wild read. */
    @Test
    void wildBytesAreCorruptOrReadable() {
        byte[] bytes = ManifestCodec.encode(random(2), 500);
        Random random = new Random(5);
        for (int i = 0; i < 15_000; i++) {
            byte[] wild = bytes.clone();
            wild[6 + random.nextInt(wild.length - 10)] = (byte) random.nextInt(256);
            sign(wild);
            try {
                decode(wild, objects);
            } catch (LazyStateException e) {
                assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
                assertThat(e.where()).isEqualTo(WHERE);
            }
        }
    }

    @Test
    void newerVersionIsIncompatible() {
        byte[] bytes = ManifestCodec.encode(random(2), 0);
        bytes[4] = 6;
        sign(bytes);

        LazyStateException e = assertFails(bytes, Kind.INCOMPATIBLE);

        assertThat(e).hasMessageContaining("version 6").hasMessageContaining("release");
    }

    @Test
    void objectThatTheHandleLacksIsCorrupt() {
        byte[] bytes = ManifestCodec.encode(random(2), 0);

        LazyStateException e = assertFails(bytes, name -> null, Kind.CORRUPT);

        assertThat(e).hasMessageContaining("shared/41 is missing from the handle");
    }

    @Test
    void objectOfAnotherLengthIsCorrupt() {
        byte[] bytes = ManifestCodec.encode(random(2), 0);

        assertFails(bytes, name -> Samples.object(name, 19_999), Kind.CORRUPT);
    }

    @Test
    void runThatDoesNotFitItsObjectIsCorrupt() {
        Run run = Samples.run(object, 20_000 - 1000, key(1), key(2));
        StateLayout layout = StateLayout.of(List.of(new Extent(key(), null, run, List.of())));

        assertFails(ManifestCodec.encode(manifest("orders", layout), 0), Kind.CORRUPT);
    }

    @Test
    void tellsManifestsFromOtherBytes() {
        assertThat(ManifestCodec.isManifest(ManifestCodec.encode(random(2), 0))).isTrue();
        assertThat(ManifestCodec.isManifest(new byte[] {'L', 'Z', 'S', 'T'})).isTrue();
        assertThat(ManifestCodec.isManifest(new byte[] {'L', 'Z', 'S'})).isFalse();
        assertThat(ManifestCodec.isManifest(new byte[100])).isFalse();
        assertFails(new byte[100], Kind.CORRUPT);
    }

    /** Keys and names as in production: UUIDs for names, one object for each base run. */
    @Test
    void staysSmall() {
        int extents = 10_000;
        Manifest manifest = manifest("orders", large(extents));

        double bytesPerExtent = ManifestCodec.encode(manifest, 0).length / (double) extents;

        System.out.println("manifest bytes per extent: " + bytesPerExtent);
        assertThat(bytesPerExtent).isLessThan(150);
    }

    private StateLayout large(int extents) {
        Random random = new Random(8);
        TreeMap<byte[], byte[]> keys = new TreeMap<>(Arrays::compareUnsigned);
        while (keys.size() < extents) {
            keys.put(productionKey(random), new byte[0]);
        }
        byte[][] lowers = keys.keySet().toArray(new byte[0][]);
        StoredObject deltas = Samples.object(new UUID(1, 1).toString(), 1 << 30);
        Run delta = Samples.run(deltas, 0, lowers[0], lowers[extents - 1]);
        Extent[] list = new Extent[extents];
        for (int i = 0; i < extents; i++) {
            String name = new UUID(random.nextLong(), random.nextLong()).toString();
            byte[] last = productionKey(random);
            if (i + 1 < extents) {
                // With billions of rows, neighbouring keys share some 4 random bytes.
                System.arraycopy(lowers[i + 1], 0, last, 0, 7);
            }
            Run base =
                    new Run(
                            Samples.object(name, 70_000_000),
                            0,
                            Samples.meta(lowers[i], last, 64_000_000, 20_000),
                            null);
            list[i] =
                    new Extent(
                            i == 0 ? key() : lowers[i],
                            i + 1 < extents ? lowers[i + 1] : null,
                            base,
                            List.of(delta));
        }
        return StateLayout.of(List.of(list));
    }

    /** Key group, a key of 16 random bytes with its length, a window as namespace. */
    private static byte[] productionKey(Random random) {
        ByteBuffer key = ByteBuffer.allocate(27);
        key.putShort((short) random.nextInt(128)).put((byte) 16);
        key.putLong(random.nextLong()).putLong(random.nextLong());
        return key.putLong(1_700_000_000_000L).array();
    }

    private Manifest random(int seed) {
        Random random = new Random(seed);
        Map<String, StateLayout> states = new LinkedHashMap<>();
        states.put("orders", Samples.randomLayout(random, 1 + random.nextInt(20), object));
        states.put("clicks", StateLayout.empty());
        states.put("", Samples.randomLayout(random, 1 + random.nextInt(20), object));
        Map<Extent, Integer> heat = new LinkedHashMap<>();
        for (Extent extent : states.get("orders").extents()) {
            heat.put(extent, random.nextInt(256));
        }
        heat.put(states.get("").extents().get(0), 255);
        return Samples.manifest(states)
                .with(states, Map.of("", Samples.rows(random, 1 + random.nextInt(200))), heat);
    }

    private static List<Integer> heat(Manifest manifest) {
        return manifest.states().values().stream()
                .flatMap(layout -> layout.extents().stream())
                .map(extent -> manifest.heat().getOrDefault(extent, 0))
                .toList();
    }

    private Run run(long offset, int pages) {
        PageRef[] refs = new PageRef[pages];
        for (int i = 0; i < pages; i++) {
            refs[i] = new PageRef(key(1, i), 100L * i, 100, i, new int[] {100});
        }
        PageTable table = PageTable.of(List.of(refs));
        int bytes = table.toBytes().length;
        return new Run(object, offset, Samples.meta(key(1, 0), key(2), 2000, bytes, pages), table);
    }

    private Run withoutPageTable() {
        return new Run(object, 0, Samples.meta(key(1), key(2), 2000, 1), null);
    }

    private static Manifest manifest(String state, StateLayout layout) {
        return Samples.manifest(Map.of(state, layout));
    }

    private Stream<Boolean> inlined(Manifest manifest, long budgetBytes) {
        Manifest decoded = decode(ManifestCodec.encode(manifest, budgetBytes), objects);
        return decoded.states().get("orders").runs().stream().map(run -> run.pageTable() != null);
    }

    private static Manifest decode(byte[] bytes, Function<String, StoredObject> objects) {
        return ManifestCodec.decode(bytes, objects, WHERE);
    }

    private static void sign(byte[] bytes) {
        int end = bytes.length - 4;
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(end, Crc32c.of(bytes, 0, end));
    }

    private LazyStateException assertFails(byte[] bytes, Kind kind) {
        return assertFails(bytes, objects, kind);
    }

    private static LazyStateException assertFails(
            byte[] bytes, Function<String, StoredObject> objects, Kind kind) {
        LazyStateException e =
                catchThrowableOfType(LazyStateException.class, () -> decode(bytes, objects));
        assertThat(e).isNotNull();
        assertThat(e.kind()).isEqualTo(kind);
        assertThat(e.where()).isEqualTo(WHERE);
        return e;
    }
}
