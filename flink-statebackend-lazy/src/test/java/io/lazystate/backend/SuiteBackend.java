package io.lazystate.backend;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;

/**
 * The backend under one of Flink's suites. It remembers its keyed backends, as the suites forget to
 * dispose some, so that the test can: nothing may be left then.
 */
final class SuiteBackend extends LazyStateBackend {
    private static final long serialVersionUID = 1L;
    private final LazyStateBackend configured;
    private final transient List<AbstractKeyedStateBackend<?>> created =
            new CopyOnWriteArrayList<>();

    SuiteBackend(Ports ports, Configuration config) {
        this.configured =
                new LazyStateBackend(ports)
                        .configure(config, Thread.currentThread().getContextClassLoader());
    }

    @Override
    public LazyStateBackend configure(ReadableConfig config, ClassLoader classLoader) {
        return configured.configure(config, classLoader);
    }

    @Override
    public <K> AbstractKeyedStateBackend<K> createKeyedStateBackend(
            KeyedStateBackendParameters<K> parameters) throws IOException {
        AbstractKeyedStateBackend<K> backend = configured.createKeyedStateBackend(parameters);
        created.add(backend);
        return backend;
    }

    void disposeAll() {
        created.forEach(AbstractKeyedStateBackend::dispose);
    }
}
