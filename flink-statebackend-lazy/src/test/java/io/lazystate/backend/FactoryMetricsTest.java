package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.state.rocksdb.RocksDBNativeMetricOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.state.rocksdb.RocksDBOptionsFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.DBOptions;

/** RocksDB metrics that an options factory switches on. */
class FactoryMetricsTest {
    private static final AtomicInteger ASKED = new AtomicInteger();

    @TempDir Path checkpoints;
    private final Configuration config = new Configuration();

    @Test
    void areRegisteredAsWithFlinksBackend() throws Exception {
        config.set(RocksDBOptions.OPTIONS_FACTORY, Metrics.class.getName());

        TestTask.start(new TestTask.Start(checkpoints, config)).close();

        assertThat(ASKED.get()).isPositive();
    }

    /** By class name. */
    public static final class Metrics implements RocksDBOptionsFactory {
        private static final long serialVersionUID = 1L;

        @Override
        public DBOptions createDBOptions(DBOptions options, Collection<AutoCloseable> handles) {
            return options;
        }

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            return options;
        }

        @Override
        public RocksDBNativeMetricOptions createNativeMetricsOptions(
                RocksDBNativeMetricOptions options) {
            ASKED.incrementAndGet();
            options.enableEstimateNumKeys();
            return options;
        }
    }
}
