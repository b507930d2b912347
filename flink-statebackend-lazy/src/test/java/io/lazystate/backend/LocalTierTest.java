package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.RocksDB;

/** What a limit of the local disk asks of RocksDB. */
class LocalTierTest {
    private final Configuration config = new Configuration();

    @BeforeAll
    static void load() {
        RocksDB.loadLibrary();
    }

    @Test
    void filesAndCompactionsAreSmallBesideTheLimit() {
        try (LocalTier tier = tier(160);
                ColumnFamilyOptions options = tier.limit(new ColumnFamilyOptions())) {
            assertThat(options.writeBufferSize()).isEqualTo(5 << 20);
            assertThat(options.targetFileSizeBase()).isEqualTo(5 << 20);
            assertThat(options.maxBytesForLevelBase()).isEqualTo(10 << 20);
            assertThat(options.maxCompactionBytes()).isEqualTo(10 << 20);
        }
    }

    @Test
    void whatIsSmallerAlreadyStays() {
        try (LocalTier tier = tier(160);
                ColumnFamilyOptions options =
                        tier.limit(
                                new ColumnFamilyOptions()
                                        .setWriteBufferSize(1 << 20)
                                        .setTargetFileSizeBase(2 << 20)
                                        .setMaxBytesForLevelBase(3 << 20)
                                        .setMaxCompactionBytes(4 << 20))) {
            assertThat(options.writeBufferSize()).isEqualTo(1 << 20);
            assertThat(options.targetFileSizeBase()).isEqualTo(2 << 20);
            assertThat(options.maxBytesForLevelBase()).isEqualTo(3 << 20);
            assertThat(options.maxCompactionBytes()).isEqualTo(4 << 20);
        }
    }

    @Test
    void aTinyLimitDoesNotMakeTinyFiles() {
        try (LocalTier tier = tier(1);
                ColumnFamilyOptions options = tier.limit(new ColumnFamilyOptions())) {
            assertThat(options.targetFileSizeBase()).isEqualTo(1 << 20);
        }
    }

    @Test
    void withoutALimitTheyAreTheUsers() {
        try (LocalTier tier = tier();
                ColumnFamilyOptions options =
                        tier.limit(new ColumnFamilyOptions().setTargetFileSizeBase(2L << 30))) {
            assertThat(options.targetFileSizeBase()).isEqualTo(2L << 30);
            assertThat(options.maxCompactionBytes()).isZero();
        }
    }

    private LocalTier tier(int limitMebiBytes) {
        config.set(LazyStateOptions.LOCAL_MAX_BYTES, MemorySize.ofMebiBytes(limitMebiBytes));
        return tier();
    }

    private LocalTier tier() {
        return new LocalTier(LazySettings.from(config));
    }
}
