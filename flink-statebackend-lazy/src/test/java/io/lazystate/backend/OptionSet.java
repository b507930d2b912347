package io.lazystate.backend;

import java.util.Collection;
import java.util.List;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.state.rocksdb.ConfigurableRocksDBOptionsFactory;
import org.apache.flink.state.rocksdb.PredefinedOptions;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.state.rocksdb.RocksDBOptionsFactory;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompactionPriority;
import org.rocksdb.CompactionStyle;
import org.rocksdb.CompressionType;
import org.rocksdb.DBOptions;
import org.rocksdb.DataBlockIndexType;
import org.rocksdb.HashLinkedListMemTableConfig;
import org.rocksdb.HashSkipListMemTableConfig;
import org.rocksdb.IndexType;
import org.rocksdb.LRUCache;
import org.rocksdb.ReadOptions;
import org.rocksdb.ReadTier;
import org.rocksdb.RemoveEmptyValueCompactionFilter;
import org.rocksdb.SkipListMemTableConfig;
import org.rocksdb.SstPartitionerFixedPrefixFactory;
import org.rocksdb.VectorMemTableConfig;

/** RocksDB options as users set them, by configuration or by an options factory of their own. */
enum OptionSet {
    NONE {},

    // ------------------------------------------------------------------ prefixes

    FIXED_PREFIX_1(new Prefix(1, false)),
    FIXED_PREFIX_2(new Prefix(2, false)),
    FIXED_PREFIX_4(new Prefix(4, false)),
    FIXED_PREFIX_8(new Prefix(8, false)),
    FIXED_PREFIX_9(new Prefix(9, false)),
    FIXED_PREFIX_12(new Prefix(12, false)),
    FIXED_PREFIX_16(new Prefix(16, false)),
    FIXED_PREFIX_BEYOND_MOST_KEYS(new Prefix(20, false)),
    CAPPED_PREFIX_1(new Prefix(1, true)),
    CAPPED_PREFIX_4(new Prefix(4, true)),
    CAPPED_PREFIX_9(new Prefix(9, true)),
    CAPPED_PREFIX_16(new Prefix(16, true)),
    CAPPED_PREFIX_BEYOND_ALL_KEYS(new Prefix(200, true)),
    PREFIX_BLOOM {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useFixedLengthPrefixExtractor(9)
                    .setTableFormatConfig(table().setFilterPolicy(bloom(handles)));
        }
    },
    PREFIX_BLOOM_WITHOUT_WHOLE_KEYS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useCappedPrefixExtractor(9)
                    .setTableFormatConfig(
                            table().setFilterPolicy(bloom(handles)).setWholeKeyFiltering(false));
        }
    },
    MEMTABLE_PREFIX_BLOOM {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useFixedLengthPrefixExtractor(9).setMemtablePrefixBloomSizeRatio(0.2);
        }
    },
    MEMTABLE_WHOLE_KEY_BLOOM {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useCappedPrefixExtractor(5)
                    .setMemtablePrefixBloomSizeRatio(0.2)
                    .setMemtableWholeKeyFiltering(true);
        }
    },
    OPTIMIZED_FOR_POINT_LOOKUP {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.optimizeForPointLookup(8);
        }
    },

    // ------------------------------------------------------------------ tables

    HASH_INDEX {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useFixedLengthPrefixExtractor(9)
                    .setTableFormatConfig(table().setIndexType(IndexType.kHashSearch));
        }
    },
    HASH_INDEX_WITH_FILTER {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useCappedPrefixExtractor(4)
                    .setTableFormatConfig(
                            table().setIndexType(IndexType.kHashSearch)
                                    .setFilterPolicy(bloom(handles))
                                    .setWholeKeyFiltering(false));
        }
    },
    PARTITIONED_INDEX_AND_FILTERS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useFixedLengthPrefixExtractor(3)
                    .setTableFormatConfig(partitioned().setFilterPolicy(bloom(handles)));
        }
    },
    PARTITIONED_BY_CONFIGURATION {
        @Override
        void configure(Configuration config) {
            config.set(RocksDBOptions.USE_MANAGED_MEMORY, true);
            config.set(RocksDBOptions.USE_PARTITIONED_INDEX_FILTERS, true);
            config.set(RocksDBConfigurableOptions.USE_BLOOM_FILTER, true);
        }
    },
    INDEX_WITH_FIRST_KEYS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setTableFormatConfig(table().setIndexType(IndexType.kBinarySearchWithFirstKey));
        }
    },
    HASHED_DATA_BLOCKS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setTableFormatConfig(
                    table().setDataBlockIndexType(DataBlockIndexType.kDataBlockBinaryAndHash)
                            .setDataBlockHashTableUtilRatio(0.75));
        }
    },
    NEWEST_FORMAT_WITH_FILTER {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setTableFormatConfig(
                    table().setFormatVersion(5)
                            .setFilterPolicy(bloom(handles))
                            .setOptimizeFiltersForMemory(true)
                            .setCacheIndexAndFilterBlocks(true));
        }
    },
    FILTERS_FOR_HITS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setOptimizeFiltersForHits(true)
                    .setTableFormatConfig(table().setFilterPolicy(bloom(handles)));
        }
    },
    NO_BLOCK_CACHE {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setTableFormatConfig(table().setNoBlockCache(true));
        }

        @Override
        void configure(Configuration config) {
            config.set(RocksDBOptions.USE_MANAGED_MEMORY, false); // that is a cache
        }
    },

    // ------------------------------------------------------------------ memory tables

    HASH_SKIP_LIST(new HashedMemory(false)),
    HASH_LINKED_LIST(new HashedMemory(true)),
    VECTOR_MEMTABLE {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setMemTableConfig(new VectorMemTableConfig());
        }

        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setAllowConcurrentMemtableWrite(false);
        }
    },
    SKIP_LIST_WITH_LOOKAHEAD {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setMemTableConfig(new SkipListMemTableConfig().setLookahead(100));
        }
    },
    UPDATES_IN_PLACE {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setInplaceUpdateSupport(true);
        }

        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setAllowConcurrentMemtableWrite(false);
        }
    },
    MANY_MEMTABLES {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setWriteBufferSize(64 << 10)
                    .setMaxWriteBufferNumber(6)
                    .setMinWriteBufferNumberToMerge(3)
                    .setMaxWriteBufferNumberToMaintain(6)
                    .setMaxSuccessiveMerges(4);
        }
    },
    MEMTABLE_WITH_FEW_RANGE_DELETIONS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setMemtableMaxRangeDeletions(1);
        }
    },

    // ------------------------------------------------------------------ Flink's own

    SPINNING_DISK {
        @Override
        void configure(Configuration config) {
            predefined(config, PredefinedOptions.SPINNING_DISK_OPTIMIZED);
        }
    },
    SPINNING_DISK_HIGH_MEMORY {
        @Override
        void configure(Configuration config) {
            predefined(config, PredefinedOptions.SPINNING_DISK_OPTIMIZED_HIGH_MEM);
        }
    },
    FLASH_SSD {
        @Override
        void configure(Configuration config) {
            predefined(config, PredefinedOptions.FLASH_SSD_OPTIMIZED);
        }
    },
    BLOCK_BASED_BLOOM {
        @Override
        void configure(Configuration config) {
            config.set(RocksDBConfigurableOptions.USE_BLOOM_FILTER, true);
            config.set(RocksDBConfigurableOptions.BLOOM_FILTER_BLOCK_BASED_MODE, true);
        }
    },

    // ------------------------------------------------------------------ compactions and levels

    NO_AUTOMATIC_COMPACTION {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setDisableAutoCompactions(true);
        }
    },
    NO_COMPACTION_STYLE {
        @Override
        void configure(Configuration config) {
            config.set(RocksDBConfigurableOptions.COMPACTION_STYLE, CompactionStyle.NONE);
        }
    },
    DYNAMIC_LEVELS {
        @Override
        void configure(Configuration config) {
            config.set(RocksDBConfigurableOptions.USE_DYNAMIC_LEVEL_SIZE, true);
        }
    },
    TWO_LEVELS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setNumLevels(2).setLevelCompactionDynamicLevelBytes(false);
        }
    },
    SMALL_FILES_COMPACTED_AT_ONCE {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setLevel0FileNumCompactionTrigger(1)
                    .setTargetFileSizeBase(4 << 10)
                    .setMaxBytesForLevelBase(8 << 10)
                    .setCompactionPriority(CompactionPriority.OldestSmallestSeqFirst);
        }
    },
    COMPACTION_FILTER {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            RemoveEmptyValueCompactionFilter filter = new RemoveEmptyValueCompactionFilter();
            handles.add(filter);
            options.setCompactionFilter(filter);
        }

        @Override
        boolean keepsEmptyValues() {
            return false;
        }
    },
    FILES_OF_ONE_PREFIX {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            SstPartitionerFixedPrefixFactory partitioner = new SstPartitionerFixedPrefixFactory(1);
            handles.add(partitioner);
            options.setSstPartitionerFactory(partitioner);
        }
    },
    OLD_FILES_COMPACTED {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setTtl(1).setPeriodicCompactionSeconds(1);
        }
    },
    COMPRESSIONS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setCompressionPerLevel(List.of())
                    .setCompressionType(CompressionType.LZ4_COMPRESSION)
                    .setBottommostCompressionType(CompressionType.ZSTD_COMPRESSION);
        }
    },
    BLOBS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setEnableBlobFiles(true)
                    .setMinBlobSize(8)
                    .setBlobFileSize(4 << 10)
                    .setEnableBlobGarbageCollection(true)
                    .setBlobGarbageCollectionAgeCutoff(1.0)
                    .setBlobGarbageCollectionForceThreshold(0.1);
        }
    },
    CONSISTENCY_CHECKS {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.setForceConsistencyChecks(true).setParanoidFileChecks(true);
        }

        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setParanoidChecks(true);
        }
    },

    // ------------------------------------------------------------------ the database

    DIRECT_READS {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setUseDirectReads(true);
        }

        @Override
        boolean needsDirectIo() {
            return true;
        }
    },
    DIRECT_IO {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setUseDirectReads(true).setUseDirectIoForFlushAndCompaction(true);
        }

        @Override
        boolean needsDirectIo() {
            return true;
        }
    },
    MAPPED_FILES {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setAllowMmapReads(true).setAllowMmapWrites(true);
        }
    },
    FEW_OPEN_FILES {
        @Override
        void configure(Configuration config) {
            config.set(RocksDBConfigurableOptions.MAX_OPEN_FILES, 20);
        }
    },
    ROW_CACHE {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            LRUCache cache = new LRUCache(1 << 20);
            handles.add(cache);
            options.setRowCache(cache);
        }
    },
    ATOMIC_FLUSH {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setAtomicFlush(true);
        }
    },
    PIPELINED_WRITES {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setEnablePipelinedWrite(true);
        }
    },
    UNORDERED_WRITES {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setUnorderedWrite(true);
        }
    },
    TWO_WRITE_QUEUES {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setTwoWriteQueues(true);
        }
    },
    INGESTS_BEHIND {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setAllowIngestBehind(true);
        }
    },
    PERSISTED_STATISTICS {
        @Override
        void db(DBOptions options, Collection<AutoCloseable> handles) {
            options.setPersistStatsToDisk(true).setStatsPersistPeriodSec(1);
        }
    },

    // ------------------------------------------------------------------ what Flink reads with

    READS_OF_ONE_PREFIX {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useFixedLengthPrefixExtractor(12);
        }

        @Override
        void read(ReadOptions options) {
            options.setPrefixSameAsStart(true);
        }
    },
    READS_WITH_AUTOMATIC_PREFIX {
        @Override
        void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            options.useCappedPrefixExtractor(12)
                    .setTableFormatConfig(
                            table().setFilterPolicy(bloom(handles)).setWholeKeyFiltering(false));
        }

        @Override
        void read(ReadOptions options) {
            options.setAutoPrefixMode(true);
        }
    },
    READS_THAT_IGNORE_RANGE_DELETIONS {
        @Override
        void read(ReadOptions options) {
            options.setIgnoreRangeDeletions(true);
        }
    },
    READS_FROM_MEMORY_ONLY {
        @Override
        void read(ReadOptions options) {
            options.setReadTier(ReadTier.MEMTABLE_TIER);
        }
    },
    READS_THAT_TAIL {
        @Override
        void read(ReadOptions options) {
            options.setTailing(true);
        }
    },
    READS_THAT_GIVE_UP {
        @Override
        void read(ReadOptions options) {
            options.setMaxSkippableInternalKeys(1);
        }
    },
    READS_AHEAD {
        @Override
        void read(ReadOptions options) {
            options.setReadaheadSize(1 << 20)
                    .setPinData(true)
                    .setFillCache(false)
                    .setVerifyChecksums(false)
                    .setBackgroundPurgeOnIteratorCleanup(true);
        }
    };

    private static final ConfigOption<OptionSet> NAME =
            ConfigOptions.key("state.backend.test.options")
                    .enumType(OptionSet.class)
                    .defaultValue(NONE);

    private interface Columns {
        void set(ColumnFamilyOptions options);
    }

    private record Prefix(int length, boolean capped) implements Columns {
        @Override
        public void set(ColumnFamilyOptions options) {
            if (capped) {
                options.useCappedPrefixExtractor(length);
            } else {
                options.useFixedLengthPrefixExtractor(length);
            }
        }
    }

    private record HashedMemory(boolean linkedList) implements Columns {
        @Override
        public void set(ColumnFamilyOptions options) {
            options.useFixedLengthPrefixExtractor(9)
                    .setMemTableConfig(
                            linkedList
                                    ? new HashLinkedListMemTableConfig().setBucketCount(64)
                                    : new HashSkipListMemTableConfig().setBucketCount(64));
        }
    }

    private final Columns columns;

    OptionSet() {
        this(options -> {});
    }

    OptionSet(Columns columns) {
        this.columns = columns;
    }

    void configure(Configuration config) {}

    void column(ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
        columns.set(options);
    }

    void db(DBOptions options, Collection<AutoCloseable> handles) {
        if (columns instanceof HashedMemory) {
            options.setAllowConcurrentMemtableWrite(false);
        }
    }

    void read(ReadOptions options) {}

    /** Whether a row without a value stays; a timer is one. */
    boolean keepsEmptyValues() {
        return true;
    }

    /** Whether not every file system will do. */
    boolean needsDirectIo() {
        return false;
    }

    /** Has a task use these options. */
    void applyTo(Configuration config) {
        config.set(NAME, this);
        config.set(RocksDBOptions.OPTIONS_FACTORY, Factory.class.getName());
        configure(config);
    }

    private static BlockBasedTableConfig table() {
        return new BlockBasedTableConfig().setBlockSize(512);
    }

    private static BlockBasedTableConfig partitioned() {
        return table().setIndexType(IndexType.kTwoLevelIndexSearch)
                .setPartitionFilters(true)
                .setMetadataBlockSize(256)
                .setCacheIndexAndFilterBlocks(true);
    }

    private static BloomFilter bloom(Collection<AutoCloseable> handles) {
        BloomFilter filter = new BloomFilter(10, false);
        handles.add(filter);
        return filter;
    }

    private static void predefined(Configuration config, PredefinedOptions options) {
        config.set(RocksDBOptions.PREDEFINED_OPTIONS, options.name());
    }

    /** A user's factory, by its class name. */
    public static final class Factory implements ConfigurableRocksDBOptionsFactory {
        private static final long serialVersionUID = 1L;

        private OptionSet set = NONE;

        @Override
        public RocksDBOptionsFactory configure(ReadableConfig config) {
            set = config.get(NAME);
            return this;
        }

        @Override
        public DBOptions createDBOptions(DBOptions options, Collection<AutoCloseable> handles) {
            set.db(options, handles);
            return options;
        }

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            set.column(options, handles);
            return options;
        }

        @Override
        public ReadOptions createReadOptions(
                ReadOptions options, Collection<AutoCloseable> handles) {
            set.read(options);
            return options;
        }
    }
}
