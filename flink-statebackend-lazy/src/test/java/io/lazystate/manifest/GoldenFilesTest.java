package io.lazystate.manifest;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Where;
import io.lazystate.run.Page;
import io.lazystate.run.PageRef;
import io.lazystate.run.RowBlock;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import io.lazystate.run.RunFormat;
import io.lazystate.run.RunWriter;
import io.lazystate.run.WrittenRun;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StateHandleReader;
import io.lazystate.store.StoredObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Consumer;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.RocksDB;

/**
 * Files of every version stay readable.
 *
 * <p>They are never written again; the runs of versions 2 to 4 are as in version 1. For a new
 * version, adapt {@link #writeFiles}, run it with {@code -Dgolden.write=<directory>}, and add its
 * files and a test beside those that are here.
 */
class GoldenFilesTest {

    private static final Where WHERE = Where.object("manifest-v1.bin");

    private final RangedReader reader = new StateHandleReader();

    @Test
    void version1ManifestIsReadable() throws IOException {
        byte[] bytes = resource("manifest-v1.bin");

        Manifest manifest = ManifestCodec.decode(bytes, GoldenFilesTest::stored, WHERE);

        assertThat(manifest.stateMetadata()).containsExactly(1, 2, 3);
        assertThat(manifest.firstKeyGroup()).isEqualTo(16);
        assertThat(manifest.lastKeyGroup()).isEqualTo(31);
        assertThat(manifest.keyGroupPrefixBytes()).isEqualTo(1);
        assertThat(manifest.states()).containsOnlyKeys("orders", "clicks");
        assertThat(manifest.states().get("clicks").runs()).isEmpty();
        StateLayout orders = manifest.states().get("orders");
        assertThat(orders.extents()).hasSize(2);
        assertThat(orders.extents().get(1).lower()).isEqualTo(key(30));
        assertThat(orders.runs()).hasSize(3);
        assertThat(orders.objects())
                .extracting(StoredObject::name)
                .containsExactly("base", "delta");
        assertThat(orders.runs().stream().map(run -> run.pageTable() != null))
                .containsExactly(false, false, true);
        assertThat(manifest.hot()).isEmpty();
    }

    @Test
    void version2ManifestIsReadable() throws IOException {
        byte[] bytes = resource("manifest-v2.bin");

        Manifest manifest = ManifestCodec.decode(bytes, GoldenFilesTest::stored, WHERE);

        assertThat(manifest.states()).containsOnlyKeys("orders", "clicks");
        assertThat(manifest.states().get("orders").runs()).hasSize(3);
        assertThat(manifest.heat()).isEmpty();
        assertThat(manifest.hot()).as("not read any more").isEmpty();
    }

    @Test
    void version3ManifestIsReadable() throws IOException {
        byte[] bytes = resource("manifest-v3.bin");

        Manifest manifest = ManifestCodec.decode(bytes, GoldenFilesTest::stored, WHERE);

        assertThat(manifest.states()).containsOnlyKeys("orders", "clicks");
        List<Extent> orders = manifest.states().get("orders").extents();
        assertThat(manifest.heat()).containsOnly(Map.entry(orders.get(1), 255));
        assertThat(manifest.hot()).as("not read any more").isEmpty();
    }

    @Test
    void version4ManifestIsReadable() throws IOException {
        byte[] bytes = resource("manifest-v4.bin");

        Manifest manifest = ManifestCodec.decode(bytes, GoldenFilesTest::stored, WHERE);

        assertThat(manifest.states()).containsOnlyKeys("orders", "clicks");
        List<Extent> orders = manifest.states().get("orders").extents();
        assertThat(manifest.heat()).containsOnly(Map.entry(orders.get(1), 255));
        assertHotRows(manifest);
    }

    @Test
    void version5ManifestIsReadable() throws IOException {
        byte[] bytes = resource("manifest-v5.bin");

        Manifest manifest = ManifestCodec.decode(bytes, name -> stored(name, 5), WHERE);

        assertThat(manifest.states()).containsOnlyKeys("orders", "clicks");
        List<Extent> orders = manifest.states().get("orders").extents();
        assertThat(manifest.heat()).containsOnly(Map.entry(orders.get(1), 255));
        assertThat(ManifestCodec.encode(manifest, Long.MAX_VALUE)).isEqualTo(bytes);
        assertHotRows(manifest);
    }

    private static void assertHotRows(Manifest manifest) {
        assertThat(manifest.hot()).containsOnlyKeys("orders");
        RowBlock hot = manifest.hot().get("orders");
        assertThat(hot.size()).isEqualTo(2);
        assertThat(hot.value(hot.find(key(10)))).isEmpty();
        assertThat(hot.value(hot.find(key(40)))).isEqualTo("new".getBytes(US_ASCII));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5})
    void runsAreReadable(int version) throws IOException {
        byte[] bytes = resource("manifest-v" + version + ".bin");
        Manifest manifest = ManifestCodec.decode(bytes, name -> stored(name, version), WHERE);
        List<Extent> extents = manifest.states().get("orders").extents();

        assertThat(rows(extents.get(0).base())).containsExactlyElementsOf(expected(0, 30));
        assertThat(rows(extents.get(1).base())).containsExactlyElementsOf(expected(30, 60));
        assertThat(rows(extents.get(0).deltas().get(0)))
                .containsExactly("key-010=", "key-020 removed", "key-040=new");
    }

    @Test
    @EnabledIfSystemProperty(named = "golden.write", matches = ".+")
    void writeFiles() throws IOException {
        RocksDB.loadLibrary();
        Path directory = Path.of(System.getProperty("golden.write"));
        ByteArrayOutputStream base = new ByteArrayOutputStream();
        ByteArrayOutputStream delta = new ByteArrayOutputStream();
        delta.write(new byte[5]);
        try (WrittenRun first = writeRun(directory, writer -> putRows(writer, 0, 30));
                WrittenRun second = writeRun(directory, writer -> putRows(writer, 30, 60));
                WrittenRun changes = writeRun(directory, GoldenFilesTest::putChanges)) {
            first.writeTo(base);
            second.writeTo(base);
            changes.writeTo(delta);
            StoredObject bases = heapObject("base", base.toByteArray());
            Run change = new Run(heapObject("delta", delta.toByteArray()), 5, changes.meta(), null);
            Extent low =
                    new Extent(
                            new byte[0],
                            key(30),
                            new Run(bases, 0, first.meta(), null),
                            List.of(change));
            Extent high =
                    new Extent(
                            key(30), null, second.at(bases, first.regionBytes()), List.of(change));
            Map<String, StateLayout> states = new LinkedHashMap<>();
            states.put("orders", StateLayout.of(List.of(low, high)));
            states.put("clicks", StateLayout.empty());
            SortedMap<byte[], byte[]> hot = new TreeMap<>(Arrays::compareUnsigned);
            hot.put(key(10), new byte[0]);
            hot.put(key(40), "new".getBytes(US_ASCII));
            Manifest manifest =
                    ManifestCodec.decode(
                                    resource("manifest-v1.bin"), GoldenFilesTest::stored, WHERE)
                            .with(states, Map.of("orders", RowBlock.of(hot)), Map.of(high, 255));
            Files.write(
                    directory.resolve("manifest-v5.bin"),
                    ManifestCodec.encode(manifest, Long.MAX_VALUE));
            Files.write(directory.resolve("base-v5.bin"), base.toByteArray());
            Files.write(directory.resolve("delta-v5.bin"), delta.toByteArray());
        }
    }

    private static WrittenRun writeRun(Path directory, Consumer<RunWriter> rows) {
        try (RunWriter writer =
                new RunWriter(
                        directory.resolve("run-" + UUID.randomUUID()), RunFormat.ofPages(256))) {
            rows.accept(writer);
            return writer.finish();
        }
    }

    private static void putRows(RunWriter writer, int from, int to) {
        for (int i = from; i < to; i++) {
            writer.put(key(i), "v".repeat(i).getBytes(US_ASCII));
        }
    }

    private static void putChanges(RunWriter writer) {
        writer.put(key(10), new byte[0]);
        writer.remove(key(20));
        writer.put(key(40), "new".getBytes(US_ASCII));
    }

    private List<String> rows(Run run) {
        if (run.pageTable() == null) {
            int length = run.meta().pageTableBytes();
            run.installPageTable(reader.read(run.object(), run.pageTableOffset(), length), WHERE);
        }
        int filterBytes = run.meta().filterBytes();
        run.installFilter(reader.read(run.object(), run.filterOffset(), filterBytes), WHERE);
        RunCursor cursor = new RunCursor(run.pageTable(), true, (page, walked) -> fetch(run, page));
        List<String> rows = new ArrayList<>();
        for (cursor.seekToFirst(); cursor.valid(); cursor.next()) {
            assertThat(run.filter().mightContain(cursor.key())).isTrue();
            String key = new String(cursor.key(), US_ASCII);
            rows.add(
                    cursor.isRemoval()
                            ? key + " removed"
                            : key + "=" + new String(cursor.value(), US_ASCII));
        }
        return rows;
    }

    private Page fetch(Run run, int index) {
        PageRef page = run.pageTable().page(index);
        byte[] stored = reader.read(run.object(), run.offset() + page.offset(), page.length());
        return Page.decode(stored, 0, page, run.where(page));
    }

    private static List<String> expected(int from, int to) {
        List<String> rows = new ArrayList<>();
        for (int i = from; i < to; i++) {
            rows.add(new String(key(i), US_ASCII) + "=" + "v".repeat(i));
        }
        return rows;
    }

    private static byte[] key(int number) {
        return String.format("key-%03d", number).getBytes(US_ASCII);
    }

    private static StoredObject stored(String name) {
        return stored(name, 1);
    }

    private static StoredObject stored(String name, int version) {
        try {
            return heapObject(name, resource(name + "-v" + version + ".bin"));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static StoredObject heapObject(String name, byte[] bytes) {
        return new StoredObject(name, bytes.length, new ByteStreamStateHandle(name, bytes));
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = GoldenFilesTest.class.getResourceAsStream("/golden/" + name)) {
            return Objects.requireNonNull(in, name).readAllBytes();
        }
    }
}
