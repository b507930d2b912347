package io.lazystate.loading;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.List;
import org.apache.flink.annotation.Internal;
import org.jspecify.annotations.Nullable;

/**
 * The heap is nearly full of what lives long: the last collection left more than {@link #MOST} of
 * the old generation in use, and it still is.
 *
 * <p>What is in use now counts too, since a collection may be long ago. Threads: any.
 */
@Internal
public final class HeapPressure implements Pressure {
    private static final double MOST = 0.9;

    private final List<MemoryPoolMXBean> pools;

    /**
     * @param pools those of the old generation; without any there is never a pressure
     */
    HeapPressure(List<MemoryPoolMXBean> pools) {
        this.pools = pools;
    }

    /** That of this process, whatever its collector calls its pools. */
    public static HeapPressure ofProcess() {
        return new HeapPressure(
                ManagementFactory.getMemoryPoolMXBeans().stream()
                        .filter(HeapPressure::isOld)
                        .toList());
    }

    static boolean isOld(MemoryPoolMXBean pool) {
        String name = pool.getName();
        return pool.getType() == MemoryType.HEAP
                && (name.contains("Old") || name.contains("Tenured") || name.equals("ZHeap"));
    }

    @Override
    public @Nullable String reason() {
        for (MemoryPoolMXBean pool : pools) {
            if (share(pool.getCollectionUsage()) > MOST && share(pool.getUsage()) > MOST) {
                return "the heap is nearly full, " + pool.getName() + " above all";
            }
        }
        return null;
    }

    /** 0 if there is no bound, or if nothing was collected yet. */
    private static double share(@Nullable MemoryUsage usage) {
        return usage == null || usage.getMax() <= 0 ? 0 : (double) usage.getUsed() / usage.getMax();
    }
}
