package io.lazystate.backend;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.runtime.state.StateBackendFactory;

/**
 * The loading modes as factories that a configuration can name, for suites that run a cluster of
 * their own in this process: a mode's options win over those of the cluster and of the job.
 */
public final class SuiteFactories {
    private static final Map<SuiteMode, SuiteMode.Counters> COUNTERS = new ConcurrentHashMap<>();

    private SuiteFactories() {}

    /** From now on, what the backends count goes there. */
    static void countInto(Map<SuiteMode, SuiteMode.Counters> counters) {
        COUNTERS.putAll(counters);
    }

    /** Mode EAGER. */
    public static final class Eager extends InMode {
        public Eager() {
            super(SuiteMode.EAGER);
        }
    }

    /** Mode LAZY. */
    public static final class Lazy extends InMode {
        public Lazy() {
            super(SuiteMode.LAZY);
        }
    }

    /** Mode HYBRID. */
    public static final class Hybrid extends InMode {
        public Hybrid() {
            super(SuiteMode.HYBRID);
        }
    }

    private abstract static class InMode implements StateBackendFactory<LazyStateBackend> {
        private final SuiteMode mode;

        InMode(SuiteMode mode) {
            this.mode = mode;
        }

        @Override
        public LazyStateBackend createFromConfig(ReadableConfig config, ClassLoader classLoader) {
            Configuration inMode = Configuration.fromMap(config.toMap());
            inMode.addAll(mode.config());
            return new LazyStateBackend(COUNTERS.get(mode)).configure(inMode, classLoader);
        }
    }
}
