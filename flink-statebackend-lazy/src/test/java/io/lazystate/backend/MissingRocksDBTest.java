package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.net.URL;
import java.net.URLClassLoader;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.StateBackendFactory;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a user is told whose class path has this backend, but not what it runs on. */
class MissingRocksDBTest {
    @ParameterizedTest
    @ValueSource(strings = {"org.apache.flink.state.rocksdb.", "org.rocksdb."})
    void theErrorNamesTheMissingClassAndWhatToAdd(String missing) throws Exception {
        try (Without loader = new Without(missing)) {
            StateBackendFactory<?> factory =
                    loader.loadClass(LazyStateBackendFactory.class.getName())
                            .asSubclass(StateBackendFactory.class)
                            .getConstructor()
                            .newInstance();

            LazyStateException thrown =
                    catchThrowableOfType(
                            LazyStateException.class,
                            () -> factory.createFromConfig(new Configuration(), loader));

            assertThat(thrown.kind()).isEqualTo(Kind.INVALID);
            assertThat(thrown)
                    .hasMessageContaining(missing.replace('.', '/'))
                    .hasMessageContaining("flink-statebackend-rocksdb");
        }
    }

    /** Loads both backends itself, and finds no class of one package. */
    private static final class Without extends URLClassLoader {
        private final String missing;

        Without(String missing) {
            super(
                    new URL[] {
                        jarOf(LazyStateBackend.class), jarOf(EmbeddedRocksDBStateBackend.class)
                    },
                    MissingRocksDBTest.class.getClassLoader());
            this.missing = missing;
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith(missing)) {
                throw new ClassNotFoundException(name);
            }
            boolean own =
                    name.startsWith("io.lazystate.backend.")
                            || name.startsWith("org.apache.flink.state.rocksdb.");
            if (!own) {
                return super.loadClass(name, resolve);
            }
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : findClass(name);
        }

        private static URL jarOf(Class<?> type) {
            return type.getProtectionDomain().getCodeSource().getLocation();
        }
    }
}
