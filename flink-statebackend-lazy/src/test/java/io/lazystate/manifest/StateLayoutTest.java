package io.lazystate.manifest;

import static io.lazystate.manifest.Samples.key;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.run.Run;
import io.lazystate.store.StoredObject;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Layouts and their extents. */
class StateLayoutTest {

    private final StoredObject first = Samples.object("first", 10_000);
    private final StoredObject second = Samples.object("second", 10_000);
    private final Run base = Samples.run(first, 0, key(1), key(2));
    private final Run delta = Samples.run(second, 0, key(1), key(9));

    @Test
    void emptyLayoutIsOneExtentWithoutRuns() {
        StateLayout layout = StateLayout.empty();

        assertThat(layout.extents()).hasSize(1);
        assertThat(layout.extents().get(0).runs()).isZero();
        assertThat(layout.indexOf(key())).isZero();
        assertThat(layout.indexOf(key(255, 255))).isZero();
        assertThat(layout.runs()).isEmpty();
        assertThat(layout.objects()).isEmpty();
    }

    @Test
    void findsTheExtentOfAKey() {
        StateLayout layout = Samples.randomLayout(new Random(3), 200, first);
        Random random = new Random(4);
        for (int i = 0; i < 10_000; i++) {
            byte[] key = new byte[random.nextInt(4)];
            random.nextBytes(key);
            assertThat(layout.extents().get(layout.indexOf(key)).contains(key)).isTrue();
        }
        for (int i = 0; i < 200; i++) {
            assertThat(layout.indexOf(layout.extents().get(i).lower())).isEqualTo(i);
        }
    }

    @Test
    void listsRunsAndObjectsOnce() {
        StateLayout layout =
                StateLayout.of(
                        List.of(
                                new Extent(key(), key(5), base, List.of(delta)),
                                new Extent(key(5), key(7), null, List.of(delta)),
                                new Extent(key(7), null, base, List.of())));

        assertThat(layout.runs()).containsExactly(base, delta);
        assertThat(layout.objects()).containsExactly(first, second);
        assertThat(layout.extents().get(0).runs()).isEqualTo(2);
        assertThat(layout.extents().get(1).runs()).isEqualTo(1);
    }

    @Test
    void extentsMustCoverEveryKeyOnce() {
        assertRefused();
        assertRefused(extent(key(1), null));
        assertRefused(extent(key(), key(1)));
        assertRefused(extent(key(), key(1)), extent(key(2), null));
        assertRefused(extent(key(), key(2)), extent(key(1), null));
        assertRefused(extent(key(), null), extent(key(1), null));
    }

    @Test
    void extentContainsItsLowerBoundButNotItsUpper() {
        Extent extent = extent(key(5), key(0x80));

        assertThat(extent.contains(key(4, 255))).isFalse();
        assertThat(extent.contains(key(5))).isTrue();
        assertThat(extent.contains(key(0x7f, 255))).isTrue();
        assertThat(extent.contains(key(0x80))).isFalse();
        assertThat(extent(key(5), null).contains(key(255))).isTrue();
    }

    @Test
    void extentsOverlapIfTheyShareAKey() {
        Extent extent = extent(key(5), key(8));

        assertThat(extent.overlaps(key(), key(5))).isFalse();
        assertThat(extent.overlaps(key(), key(5, 0))).isTrue();
        assertThat(extent.overlaps(key(6), key(7))).isTrue();
        assertThat(extent.overlaps(key(7, 255), null)).isTrue();
        assertThat(extent.overlaps(key(8), null)).isFalse();
        assertThat(extent(key(5), null).overlaps(key(200), key(201))).isTrue();
    }

    @Test
    void extentMustNotBeEmpty() {
        assertThatIllegalArgumentException().isThrownBy(() -> extent(key(1), key(1)));
        assertThatIllegalArgumentException().isThrownBy(() -> extent(key(), key()));
    }

    private static void assertRefused(Extent... extents) {
        LazyStateException e =
                catchThrowableOfType(
                        LazyStateException.class, () -> StateLayout.of(List.of(extents)));
        assertThat(e).isNotNull();
        assertThat(e.kind()).isEqualTo(Kind.INTERNAL);
    }

    private static Extent extent(byte[] lower, byte[] upper) {
        return new Extent(lower, upper, null, List.of());
    }
}
