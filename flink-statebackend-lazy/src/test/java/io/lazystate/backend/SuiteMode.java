package io.lazystate.backend;

import io.lazystate.metrics.LoadingMetrics;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.junit.jupiter.api.extension.ExtensionContext;

/** The loading modes that Flink's suites are run in, and what the backends of a suite counted. */
public enum SuiteMode {
    /** Everything is linked before the task runs; default sizes. */
    EAGER(LoadingMode.EAGER, true, MemorySize.ofMebiBytes(1), MemorySize.ofMebiBytes(64)),
    /**
     * Nothing is ever linked; one block a page, at most four pages an extent: 12 of the smallest
     * rows, of 7 bytes, reach the extent's size, and 3 of them a block's.
     */
    LAZY(LoadingMode.LAZY, false, new MemorySize(64), new MemorySize(84)),
    /** Linked in the background while the tests run. */
    HYBRID(LoadingMode.HYBRID, true, new MemorySize(256), new MemorySize(1024));

    private final LoadingMode loadingMode;
    private final boolean hydration;
    private final MemorySize pageSize;
    private final MemorySize extentSize;

    SuiteMode(
            LoadingMode loadingMode,
            boolean hydration,
            MemorySize pageSize,
            MemorySize extentSize) {
        this.loadingMode = loadingMode;
        this.hydration = hydration;
        this.pageSize = pageSize;
        this.extentSize = extentSize;
    }

    /**
     * The mode of a case: the first word of its name, which may be a {@link #factory}, or the name
     * of its class.
     */
    static SuiteMode of(ExtensionContext context) {
        String first = context.getDisplayName().split(" ", 2)[0];
        String testClass = context.getRequiredTestClass().getSimpleName();
        return Arrays.stream(values())
                .filter(
                        mode ->
                                first.equals(mode.name())
                                        || first.equals(mode.factory())
                                        || testClass.equalsIgnoreCase(mode.name()))
                .findFirst()
                .orElseThrow();
    }

    /** What {@code state.backend.type} is in a cluster whose backends run in this mode. */
    public String factory() {
        return switch (this) {
            case EAGER -> SuiteFactories.Eager.class.getName();
            case LAZY -> SuiteFactories.Lazy.class.getName();
            case HYBRID -> SuiteFactories.Hybrid.class.getName();
        };
    }

    Configuration config() {
        Configuration config = new Configuration();
        config.set(LazyStateOptions.LOADING_MODE, loadingMode);
        config.set(LazyStateOptions.HYDRATION_ENABLED, hydration);
        config.set(LazyStateOptions.PAGE_SIZE, pageSize);
        config.set(LazyStateOptions.EXTENT_SIZE, extentSize);
        return config;
    }

    /** Sums over all keyed backends of a suite. */
    static final class Counters implements Ports {
        private static final long serialVersionUID = 1L;
        private final transient List<LoadingMetrics> all = new CopyOnWriteArrayList<>();

        @Override
        public LoadingMetrics metrics() {
            LoadingMetrics metrics = new LoadingMetrics();
            add(metrics);
            return metrics;
        }

        void add(LoadingMetrics metrics) {
            all.add(metrics);
        }

        /** Keyed backends that were made. */
        int backends() {
            return all.size();
        }

        long sum(Function<LoadingMetrics, LongAdder> counter) {
            return all.stream().mapToLong(m -> counter.apply(m).sum()).sum();
        }
    }
}
