package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.lazystate.error.Kind;
import io.lazystate.error.LazyStateException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collection;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.state.rocksdb.RocksDBConfigurableOptions;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.state.rocksdb.RocksDBOptionsFactory;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.rocksdb.AbstractComparator;
import org.rocksdb.BuiltinComparator;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompactionStyle;
import org.rocksdb.ComparatorOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.PlainTableConfig;

/** What cannot work is refused when the task starts, by the option's name. */
class RefusedOptionsTest {
    @TempDir Path checkpoints;
    @TempDir Path local;

    private final Configuration config = new Configuration();

    @AfterEach
    void nothingIsLeft() throws Exception {
        Leftovers.assertNone(local, local);
    }

    @ParameterizedTest
    @EnumSource(
            value = CompactionStyle.class,
            names = {"UNIVERSAL", "FIFO"})
    void compactionStylesThatHaveNoBottom(CompactionStyle style) {
        config.set(RocksDBConfigurableOptions.COMPACTION_STYLE, style);
        assertRefused("The compaction style is " + style);
    }

    @Test
    void compactionStyleOfAFactory() {
        assertRefused(Universal.class, "The compaction style is UNIVERSAL");
    }

    @Test
    void tablesThatAreNotBlockBased() {
        assertRefused(PlainTables.class, "The table format is PlainTable");
    }

    @Test
    void anotherOrderOfRocksDbs() {
        assertRefused(Reversed.class, "The comparator is rocksdb.ReverseBytewiseComparator");
    }

    @Test
    void anotherOrderOfTheUsers() {
        assertRefused(Compared.class, "The comparator is by length");
    }

    @Test
    void theSameOrderByNameIsNone() throws Exception {
        config.set(RocksDBOptions.OPTIONS_FACTORY, Bytewise.class.getName());
        try (TestTask task = start()) {
            var timers = task.timers("timers");
            timers.add(TestTask.timer(1, 1));
            assertThat(timers.poll()).isEqualTo(TestTask.timer(1, 1));
        }
    }

    private void assertRefused(Class<? extends RocksDBOptionsFactory> factory, String problem) {
        config.set(RocksDBOptions.OPTIONS_FACTORY, factory.getName());
        assertRefused(problem);
    }

    private void assertRefused(String problem) {
        Throwable thrown = catchThrowable(() -> start().close());
        LazyStateException refusal =
                ExceptionUtils.findThrowable(thrown, LazyStateException.class).orElseThrow();
        assertThat(refusal.kind()).isEqualTo(Kind.INVALID);
        assertThat(refusal).hasMessageContaining(problem);
        assertThat(thrown).hasMessageContaining(problem);
    }

    private TestTask start() throws Exception {
        config.set(RocksDBOptions.LOCAL_DIRECTORIES, local.toString());
        return TestTask.start(new TestTask.Start(checkpoints, config));
    }

    private interface Columns extends RocksDBOptionsFactory {
        @Override
        default DBOptions createDBOptions(DBOptions options, Collection<AutoCloseable> handles) {
            return options;
        }
    }

    /** By class name. */
    public static final class Universal implements Columns {
        private static final long serialVersionUID = 1L;

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            return options.setCompactionStyle(CompactionStyle.UNIVERSAL);
        }
    }

    /** By class name. */
    public static final class PlainTables implements Columns {
        private static final long serialVersionUID = 1L;

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            return options.useFixedLengthPrefixExtractor(1)
                    .setTableFormatConfig(new PlainTableConfig());
        }
    }

    /** By class name. */
    public static final class Reversed implements Columns {
        private static final long serialVersionUID = 1L;

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            return options.setComparator(BuiltinComparator.REVERSE_BYTEWISE_COMPARATOR);
        }
    }

    /** By class name. */
    public static final class Bytewise implements Columns {
        private static final long serialVersionUID = 1L;

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            return options.setComparator(BuiltinComparator.BYTEWISE_COMPARATOR);
        }
    }

    /** By class name. */
    public static final class Compared implements Columns {
        private static final long serialVersionUID = 1L;

        @Override
        public ColumnFamilyOptions createColumnOptions(
                ColumnFamilyOptions options, Collection<AutoCloseable> handles) {
            ComparatorOptions how = new ComparatorOptions();
            AbstractComparator comparator = new ByLength(how);
            handles.add(comparator);
            handles.add(how);
            return options.setComparator(comparator);
        }
    }

    private static final class ByLength extends AbstractComparator {
        ByLength(ComparatorOptions how) {
            super(how);
        }

        @Override
        public String name() {
            return "by length";
        }

        @Override
        public int compare(ByteBuffer a, ByteBuffer b) {
            int byLength = Integer.compare(a.remaining(), b.remaining());
            return byLength != 0 ? byLength : a.compareTo(b);
        }
    }
}
