package io.lazystate.backend;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import io.lazystate.error.Where;
import io.lazystate.paging.Reads;
import java.util.Collection;
import org.apache.flink.state.rocksdb.RocksDBNativeMetricOptions;
import org.apache.flink.state.rocksdb.RocksDBOptionsFactory;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompactionStyle;
import org.rocksdb.DBOptions;
import org.rocksdb.ReadOptions;
import org.rocksdb.WriteOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The user's RocksDB options, from configuration and factory, as this backend takes them.
 *
 * <p>What cannot work is refused when the database or a state is made: it would lose rows later,
 * and tell nobody. What would only be wrong with this backend is left out. Errors: INVALID, by the
 * option's name.
 */
@SuppressWarnings("serial") // lives in one task only; a factory of Flink's has to be serializable
final class UserOptions implements RocksDBOptionsFactory {
    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(UserOptions.class);
    private static final String BYTEWISE = "leveldb.BytewiseComparator";

    private final @Nullable RocksDBOptionsFactory factory;
    private boolean told;

    /**
     * @param factory of the user's, which comes after what the configuration says; null if there is
     *     none
     */
    UserOptions(@Nullable RocksDBOptionsFactory factory) {
        this.factory = factory;
    }

    @Override
    public DBOptions createDBOptions(DBOptions options, Collection<AutoCloseable> handles) {
        return factory == null ? options : factory.createDBOptions(options, handles);
    }

    @Override
    public ColumnFamilyOptions createColumnOptions(
            ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
        ColumnFamilyOptions users =
                factory == null ? options : factory.createColumnOptions(options, handles);
        requireLevels(users.compactionStyle());
        requireBlocks(users.tableFactoryName());
        if (factory != null) {
            requireOrderOfBytes(ComparatorName.of(users));
        }
        if (users.compactionStyle() == CompactionStyle.NONE) {
            // The same for the user; but RocksDB stops writers at 36 files that it never compacts.
            users.setCompactionStyle(CompactionStyle.LEVEL).setDisableAutoCompactions(true);
        }
        if (users.inplaceUpdateSupport()) {
            // A snapshot would see what is written after it, and so would a checkpoint.
            users.setInplaceUpdateSupport(false);
            if (!told) {
                told = true;
                LOG.info("inplace_update_support has no effect: checkpoints read snapshots");
            }
        }
        return users;
    }

    private static void requireLevels(CompactionStyle style) {
        if (style != CompactionStyle.LEVEL && style != CompactionStyle.NONE) {
            throw refused(
                    "The compaction style is "
                            + style
                            + ", but files can be linked below the others only with LEVEL; set"
                            + " state.backend.rocksdb.compaction.style to LEVEL, and leave"
                            + " setCompactionStyle out of the options factory");
        }
    }

    private static void requireBlocks(String tableFactory) {
        if (!tableFactory.equals("BlockBasedTable")) {
            throw refused(
                    "The table format is "
                            + tableFactory
                            + ", but checkpoint files are block-based tables, and only those can be"
                            + " linked beside others; leave setTableFormatConfig out of the options"
                            + " factory, or give it a BlockBasedTableConfig");
        }
    }

    private static void requireOrderOfBytes(String comparator) {
        if (!comparator.equals(BYTEWISE)) {
            throw refused(
                    "The comparator is "
                            + comparator
                            + ", but Flink finds the rows of a key group and of a key by the order of"
                            + " their bytes; leave setComparator out of the options factory");
        }
    }

    private static LazyStateException refused(String message) {
        return new LazyStateException(Kind.INVALID, Where.NOWHERE, message, null);
    }

    @Override
    public RocksDBNativeMetricOptions createNativeMetricsOptions(
            RocksDBNativeMetricOptions options) {
        return factory == null ? options : factory.createNativeMetricsOptions(options);
    }

    @Override
    public WriteOptions createWriteOptions(
            WriteOptions options, Collection<AutoCloseable> handles) {
        return factory == null ? options : factory.createWriteOptions(options, handles);
    }

    /** Complete from the start, so that no iterator needs a copy. */
    @Override
    public ReadOptions createReadOptions(ReadOptions options, Collection<AutoCloseable> handles) {
        ReadOptions users = factory == null ? options : factory.createReadOptions(options, handles);
        ReadOptions complete = Reads.complete(users);
        handles.add(complete);
        return complete;
    }
}
