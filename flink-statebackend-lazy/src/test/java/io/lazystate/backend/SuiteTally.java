package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.ScratchDirectory;
import io.lazystate.metrics.LoadingMetrics;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * Counts the cases of one of Flink's suites, mode by mode, and what its backends loaded; when the
 * suite is over, holds both to what they must have been.
 *
 * <p>So a suite that silently runs less than before, or never touches cold state, fails. It also
 * fails if single cases were chosen on the command line: its cases' own results count then.
 *
 * <p>The backends of a suite have a local directory of their own; when it is over, nothing may be
 * in there, none of their threads alive, and none of their files open.
 */
public final class SuiteTally
        implements TestWatcher, BeforeAllCallback, AfterTestExecutionCallback, AfterAllCallback {
    /** Cases of a suite in one mode; a skipped one was given up by an assumption of its own. */
    public record Cases(int executed, int skipped) {
        private Cases plus(Cases other) {
            return new Cases(executed + other.executed, skipped + other.skipped);
        }
    }

    /** A counter that must be above zero in mode LAZY. */
    public record Floor(String name, Function<LoadingMetrics, LongAdder> counter) {}

    public static final Floor FAULTS = new Floor("faults", LoadingMetrics::faults);
    public static final Floor PAGES = new Floor("pages loaded", LoadingMetrics::pagesLoaded);
    public static final Floor EXTENT_CROSSINGS =
            new Floor("reads across extents", LoadingMetrics::extentCrossings);
    public static final Floor COLD_WRITES =
            new Floor("writes over cold keys", LoadingMetrics::coldWrites);

    private final List<SuiteBackend> backends = new ArrayList<>();
    private ScratchDirectory local;
    private final Cases expected;
    private boolean migrating;
    private final Floor[] floors;
    private final Map<SuiteMode, Cases> seen = new EnumMap<>(SuiteMode.class);
    private final Map<SuiteMode, SuiteMode.Counters> loaded = new EnumMap<>(SuiteMode.class);

    /**
     * @param expected in each mode
     * @param floors none for a suite that restores canonical savepoints only, which are read whole
     */
    public SuiteTally(Cases expected, Floor... floors) {
        this.expected = expected;
        this.floors = floors;
        for (SuiteMode mode : SuiteMode.values()) {
            seen.put(mode, new Cases(0, 0));
            loaded.put(mode, new SuiteMode.Counters());
        }
    }

    /** Its states are migrated, and made resident for it, in every mode. */
    SuiteTally migrating() {
        migrating = true;
        return this;
    }

    /** A backend in a mode, of which everything loaded is counted. */
    LazyStateBackend backend(SuiteMode mode) {
        SuiteBackend backend = new SuiteBackend(loaded.get(mode), config(mode));
        backends.add(backend);
        return backend;
    }

    @Override
    public void afterTestExecution(ExtensionContext context) {
        backends.forEach(SuiteBackend::disposeAll);
        backends.clear();
    }

    /** What backends of the suite are configured with. */
    Configuration config(SuiteMode mode) {
        Configuration config = mode.config();
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.path().toString());
        return config;
    }

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        // Clusters make their backends themselves: SuiteMode#factory.
        SuiteFactories.countInto(loaded);
        if (local == null) {
            local = new ScratchDirectory("suite");
        }
    }

    /** Counters of one more keyed backend in a mode. */
    Ports counted(SuiteMode mode) {
        return loaded.get(mode);
    }

    /** Counts a keyed backend that was made elsewhere. */
    void count(SuiteMode mode, LoadingMetrics metrics) {
        loaded.get(mode).add(metrics);
    }

    @Override
    public void testSuccessful(ExtensionContext context) {
        count(context, new Cases(1, 0));
    }

    @Override
    public void testFailed(ExtensionContext context, Throwable cause) {
        count(context, new Cases(1, 0));
    }

    @Override
    public void testAborted(ExtensionContext context, Throwable cause) {
        count(context, new Cases(0, 1));
    }

    @Override
    public void testDisabled(ExtensionContext context, Optional<String> reason) {
        count(context, new Cases(0, 1));
    }

    private void count(ExtensionContext context, Cases one) {
        seen.merge(SuiteMode.of(context), one, Cases::plus);
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
        if (context.getRequiredTestClass().isAnnotationPresent(Nested.class)) {
            return; // its modes are a part only
        }
        try (ScratchDirectory used = local) {
            Leftovers.assertNone(used.path());
        }
        assertThat(seen)
                .as("cases in each mode")
                .allSatisfy((mode, cases) -> assertThat(cases).isEqualTo(expected));
        assertThat(loaded)
                .as("keyed backends in each mode")
                .allSatisfy((mode, counters) -> assertThat(counters.backends()).isPositive());
        for (Floor floor : floors) {
            assertThat(loaded.get(SuiteMode.LAZY).sum(floor.counter()))
                    .as(floor.name() + ", mode LAZY")
                    .isPositive();
        }
        if (floors.length > 0) { // checkpoints of ours are restored at all
            assertThat(loaded.get(SuiteMode.EAGER).sum(LoadingMetrics::extentsLinked))
                    .as("extents linked, mode EAGER")
                    .isPositive();
        }
        assertThat(loaded.get(SuiteMode.LAZY).sum(LoadingMetrics::extentsLinked) > 0)
                .as("extents linked, mode LAZY")
                .isEqualTo(migrating);
        assertThat(loaded.get(SuiteMode.EAGER).sum(LoadingMetrics::coldWrites))
                .as("writes over cold keys, mode EAGER")
                .isZero();
    }
}
