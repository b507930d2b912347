package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.runtime.state.StateBackendFactory;

/**
 * Creates the backend from the configuration: {@code state.backend.type:
 * io.lazystate.backend.LazyStateBackendFactory}.
 */
@PublicEvolving
public final class LazyStateBackendFactory implements StateBackendFactory<LazyStateBackend> {
    /**
     * @param config the cluster's configuration, overridden by the job's
     * @throws LazyStateException INVALID: an option, or Flink's changelog is on, or Flink's RocksDB
     *     backend is not there
     */
    @Override
    public LazyStateBackend createFromConfig(ReadableConfig config, ClassLoader classLoader) {
        Changelog.refuseIn(config);
        try {
            return new LazyStateBackend().configure(config, classLoader);
        } catch (NoClassDefFoundError e) {
            throw new LazyStateException(
                    Kind.INVALID,
                    Where.NOWHERE,
                    "A class of Flink's RocksDB backend is missing: "
                            + e.getMessage()
                            + "; put flink-statebackend-rocksdb and what it depends on, of Flink's"
                            + " own version, on the class path",
                    e);
        }
    }
}
