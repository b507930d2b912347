package io.lazystate.loading;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryUsage;
import java.lang.reflect.Proxy;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class HeapPressureTest {
    private @Nullable MemoryUsage afterCollection;
    private MemoryUsage now = usage(0, 100);
    private final Pressure pressure = new HeapPressure(List.of(pool()));

    @Test
    void aHeapThatStaysFullIsAPressure() {
        afterCollection = usage(91, 100);
        now = usage(95, 100);

        assertThat(pressure.reason()).contains("Old Pool");
    }

    @Test
    void aHeapThatACollectionEmptiesIsNone() {
        afterCollection = usage(50, 100);
        now = usage(99, 100);

        assertThat(pressure.reason()).isNull();
    }

    @Test
    void aCollectionOfLongAgoDoesNotCount() {
        afterCollection = usage(99, 100);
        now = usage(50, 100);

        assertThat(pressure.reason()).isNull();
    }

    @Test
    void withoutABoundOrACollectionThereIsNone() {
        now = usage(99, 100);
        assertThat(pressure.reason()).isNull();

        afterCollection = usage(99, -1);
        assertThat(pressure.reason()).isNull();
    }

    @Test
    void theCollectorOfThisProcessHasAnOldGeneration() {
        assertThat(ManagementFactory.getMemoryPoolMXBeans())
                .filteredOn(HeapPressure::isOld)
                .isNotEmpty()
                .allMatch(pool -> pool.getCollectionUsage() != null);
    }

    @Test
    void theFirstReasonCounts() {
        assertThat(Pressure.NONE.or(() -> "b").reason()).isEqualTo("b");
        assertThat(((Pressure) () -> "a").or(() -> "b").reason()).isEqualTo("a");
        assertThat(Pressure.NONE.or(Pressure.NONE).reason()).isNull();
    }

    private static MemoryUsage usage(long used, long most) {
        return new MemoryUsage(0, used, used, most);
    }

    private MemoryPoolMXBean pool() {
        return (MemoryPoolMXBean)
                Proxy.newProxyInstance(
                        HeapPressureTest.class.getClassLoader(),
                        new Class<?>[] {MemoryPoolMXBean.class},
                        (proxy, method, arguments) ->
                                switch (method.getName()) {
                                    case "getName" -> "Old Pool";
                                    case "getCollectionUsage" -> afterCollection;
                                    case "getUsage" -> now;
                                    default -> throw new AssertionError(method);
                                });
    }
}
