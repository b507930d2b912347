package io.lazystate.manifest;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.error.Where;
import io.lazystate.run.Page;
import io.lazystate.run.PageRef;
import io.lazystate.run.RowBlock;
import io.lazystate.run.Run;
import io.lazystate.run.RunCursor;
import io.lazystate.store.RangedReader;
import io.lazystate.store.StateHandleReader;
import io.lazystate.store.StoredObject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.flink.runtime.state.memory.ByteStreamStateHandle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * Files of every version stay readable.
 *
 * <p>They are never written again; the runs are as in version 1. For a new version, adapt {@link
 * #writeFiles}, run it with {@code -Dgolden.write=<directory>}, and add its files and a test beside
 * those that are here.
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
        assertThat(ManifestCodec.encode(manifest, Long.MAX_VALUE)).isEqualTo(bytes);
        assertThat(manifest.hot()).containsOnlyKeys("orders");
        RowBlock hot = manifest.hot().get("orders");
        assertThat(hot.size()).isEqualTo(2);
        assertThat(hot.value(hot.find(key(10)))).isEmpty();
        assertThat(hot.value(hot.find(key(40)))).isEqualTo("new".getBytes(US_ASCII));
    }

    @Test
    void runsOfVersion1ManifestAreReadable() throws IOException {
        byte[] bytes = resource("manifest-v1.bin");
        Manifest manifest = ManifestCodec.decode(bytes, GoldenFilesTest::stored, WHERE);
        List<Extent> extents = manifest.states().get("orders").extents();

        assertThat(rows(extents.get(0).base())).containsExactlyElementsOf(expected(0, 30));
        assertThat(rows(extents.get(1).base())).containsExactlyElementsOf(expected(30, 60));
        assertThat(rows(extents.get(0).deltas().get(0)))
                .containsExactly("key-010=", "key-020 removed", "key-040=new");
    }

    @Test
    @EnabledIfSystemProperty(named = "golden.write", matches = ".+")
    void writeFiles() throws IOException {
        Manifest first =
                ManifestCodec.decode(resource("manifest-v1.bin"), GoldenFilesTest::stored, WHERE);
        SortedMap<byte[], byte[]> hot = new TreeMap<>(Arrays::compareUnsigned);
        hot.put(key(10), new byte[0]);
        hot.put(key(40), "new".getBytes(US_ASCII));
        Manifest manifest =
                first.with(
                        first.states(),
                        Map.of("orders", RowBlock.of(hot)),
                        Map.of(first.states().get("orders").extents().get(1), 255));
        Files.write(
                Path.of(System.getProperty("golden.write"), "manifest-v4.bin"),
                ManifestCodec.encode(manifest, Long.MAX_VALUE));
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
        try {
            return heapObject(name, resource(name + "-v1.bin"));
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
