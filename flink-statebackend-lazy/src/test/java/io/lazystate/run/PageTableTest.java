package io.lazystate.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageTableTest {

    @Test
    void findsTheOnlyPageThatMayHoldAKey() {
        PageTable table = PageTable.of(List.of(page("b", 0), page("d", 100), page("\u00ff", 200)));

        assertThat(table.pageFor(bytes("a"))).isEqualTo(-1);
        assertThat(table.pageFor(new byte[0])).isEqualTo(-1);
        assertThat(table.pageFor(bytes("b"))).isZero();
        assertThat(table.pageFor(bytes("czz"))).isZero();
        assertThat(table.pageFor(bytes("d"))).isEqualTo(1);
        assertThat(table.pageFor(bytes("d\0"))).isEqualTo(1);
        assertThat(table.pageFor(bytes("\u00fe"))).isEqualTo(1);
        assertThat(table.pageFor(bytes("\u00ff\u00ff"))).isEqualTo(2);
    }

    @Test
    void comesBackFromItsBytes() {
        PageTable table = random(500);

        PageTable decoded = PageTable.fromBytes(table.toBytes());

        assertThat(decoded.pages()).isEqualTo(500);
        for (int i = 0; i < 500; i++) {
            assertThat(decoded.page(i)).usingRecursiveComparison().isEqualTo(table.page(i));
        }
        assertThat(decoded.toBytes()).isEqualTo(table.toBytes());
    }

    @Test
    void truncatedBytesAreCorrupt() {
        byte[] bytes = random(20).toBytes();
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThat(failure(() -> PageTable.fromBytes(cut)).kind()).isEqualTo(Kind.CORRUPT);
        }
        byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
        assertThat(failure(() -> PageTable.fromBytes(longer)).kind()).isEqualTo(Kind.CORRUPT);
    }

    @Test
    void wildBytesAreCorruptOrReadable() {
        Random random = new Random(3);
        byte[] bytes = random(20).toBytes();
        for (int i = 0; i < 20_000; i++) {
            byte[] wild = bytes.clone();
            wild[random.nextInt(wild.length)] = (byte) random.nextInt(256);
            try {
                PageTable.fromBytes(wild);
            } catch (LazyStateException e) {
                assertThat(e.kind()).isEqualTo(Kind.CORRUPT);
            }
        }
    }

    @Test
    void pagesMustFollowEachOther() {
        assertInternal(List.of());
        assertInternal(List.of(page("a", 1)));
        assertInternal(List.of(page("b", 0), page("a", 100)));
        assertInternal(List.of(page("b", 0), page("b", 100)));
        assertInternal(List.of(page("b", 0), page("c", 101)));
    }

    private static void assertInternal(List<PageRef> pages) {
        assertThat(failure(() -> PageTable.of(pages)).kind()).isEqualTo(Kind.INTERNAL);
    }

    private static PageTable random(int pages) {
        Random random = new Random(5);
        List<PageRef> refs = new ArrayList<>();
        long offset = 0;
        for (int i = 0; i < pages; i++) {
            int[] blocks = random.ints(1 + random.nextInt(16), 5, 40_000).toArray();
            int length = Arrays.stream(blocks).sum();
            byte[] key =
                    String.format("%08d%d", i, random.nextInt(1000))
                            .getBytes(StandardCharsets.US_ASCII);
            refs.add(new PageRef(key, offset, length, random.nextInt(), blocks));
            offset += length;
        }
        return PageTable.of(refs);
    }

    private static PageRef page(String firstKey, long offset) {
        return new PageRef(bytes(firstKey), offset, 100, 7, new int[] {40, 60});
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static LazyStateException failure(Runnable action) {
        LazyStateException e = catchThrowableOfType(LazyStateException.class, action::run);
        assertThat(e).isNotNull();
        return e;
    }
}
