package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import io.lazystate.backend.OperatorTask.Keys;
import io.lazystate.backend.OperatorTask.Setup;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.runtime.dataview.StateDataViewStore;
import org.apache.flink.table.runtime.generated.GeneratedNamespaceAggsHandleFunction;
import org.apache.flink.table.runtime.generated.NamespaceAggsHandleFunction;
import org.apache.flink.table.runtime.operators.aggregate.window.WindowAggOperatorBuilder;
import org.apache.flink.table.runtime.operators.window.tvf.slicing.SliceAssigner;
import org.apache.flink.table.runtime.operators.window.tvf.slicing.SliceAssigners;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.runtime.typeutils.RowDataSerializer;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.TimestampType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When windows of Flink SQL end after a restore, their slices are here. */
class SqlWindowPrefetchTest {
    private static final int KEYS = 2_000;
    private static final int ROWTIME = 2;
    private static final ZoneId UTC = ZoneId.of("UTC");
    private static final Duration SLIDE = Duration.ofMillis(100);

    /** Windows that a planner makes of SQL. */
    enum Kind {
        TUMBLE(SliceAssigners.tumbling(ROWTIME, UTC, SLIDE)),
        HOP(SliceAssigners.hopping(ROWTIME, UTC, SLIDE.multipliedBy(3), SLIDE)),
        CUMULATE(SliceAssigners.cumulative(ROWTIME, UTC, SLIDE.multipliedBy(3), SLIDE));

        private final SliceAssigner slices;

        Kind(SliceAssigner slices) {
            this.slices = slices;
        }
    }

    @TempDir Path checkpoints;

    private final Configuration config = new Configuration();

    @ParameterizedTest
    @CsvSource({
        "TUMBLE, ROCKSDB",
        "TUMBLE, HEAP",
        "HOP, ROCKSDB",
        "HOP, HEAP",
        "CUMULATE, ROCKSDB"
    })
    void windowsFindTheirSlices(Kind kind, PriorityQueueStateType timers) throws Exception {
        config.set(LazyStateOptions.LOADING_MODE, LoadingMode.LAZY);
        config.set(LazyStateOptions.HYDRATION_ENABLED, false);
        config.set(LazyStateOptions.PAGE_SIZE, new MemorySize(1 << 10));
        config.set(LazyStateOptions.EXTENT_SIZE, new MemorySize(64 << 10));
        config.set(RocksDBOptions.USE_MANAGED_MEMORY, false);
        config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, timers);
        RowDataSerializer key = new RowDataSerializer(new BigIntType());
        Setup<RowData, RowData, RowData> setup =
                new Setup<>(
                        () -> operator(kind),
                        new Keys<>(
                                row -> key.toBinaryRow(GenericRowData.of(row.getLong(0))).copy(),
                                InternalTypeInfo.ofFields(new BigIntType())),
                        new RowDataSerializer(
                                new BigIntType(),
                                new BigIntType(),
                                new BigIntType(),
                                new BigIntType()),
                        checkpoints,
                        config);
        OperatorSubtaskState state = checkpoint(setup);
        config.set(LazyStateOptions.PREFETCH_ENABLED, false);
        List<String> expected;
        long faults;
        try (OperatorTask<RowData, RowData> task = OperatorTask.restore(setup, state)) {
            task.fireAll();
            expected = task.results();
            assertThat(expected).hasSizeGreaterThanOrEqualTo(KEYS);
            faults = task.faults();
            assertThat(faults).isGreaterThan(50);
        }
        config.set(LazyStateOptions.PREFETCH_ENABLED, true);
        try (OperatorTask<RowData, RowData> task = OperatorTask.restore(setup, state)) {
            task.settledBeforeResults().fireAll();
            assertThat(task.results()).isEqualTo(expected);
            assertThat(task.prefetchedPages()).isPositive();
            assertThat(task.faults())
                    .as("few: a window that ends may make a timer for the next one of its key")
                    .isLessThan(faults / 4);
        }
    }

    private static OperatorSubtaskState checkpoint(Setup<RowData, RowData, RowData> setup)
            throws Exception {
        TestJobManager jobManager = new TestJobManager();
        try (OperatorTask<RowData, RowData> task = OperatorTask.start(setup)) {
            for (long key = 0; key < KEYS; key++) {
                add(task, key, 1 + 3 * key);
                add(task, key, 101 + 3 * key);
            }
            task.checkpoint(1, jobManager);
            for (long key = 0; key < KEYS; key += 3) {
                add(task, key, 50 + 3 * key);
            }
            return task.checkpoint(2, jobManager);
        }
    }

    private static void add(OperatorTask<RowData, RowData> task, long key, long time)
            throws Exception {
        RowData row = GenericRowData.of(key, time, TimestampData.fromEpochMillis(time));
        task.harness().processElement(new StreamRecord<>(row, time));
    }

    private static OneInputStreamOperator<RowData, RowData> operator(Kind kind) {
        return WindowAggOperatorBuilder.builder()
                .inputSerializer(
                        new RowDataSerializer(
                                new BigIntType(), new BigIntType(), new TimestampType(3)))
                .shiftTimeZone(UTC)
                .keySerializer(new RowDataSerializer(new BigIntType()))
                .assigner(kind.slices)
                .aggregate(
                        new GeneratedNamespaceAggsHandleFunction<Long>("Sums", "", new Object[0]) {
                            private static final long serialVersionUID = 1L;

                            @Override
                            public NamespaceAggsHandleFunction<Long> newInstance(
                                    ClassLoader classLoader) {
                                return new Sums();
                            }
                        },
                        new RowDataSerializer(new BigIntType(), new BigIntType()))
                .countStarIndex(1)
                .build();
    }

    /** Sum and number of the values, as a planner would generate it. */
    private static final class Sums implements NamespaceAggsHandleFunction<Long> {
        private static final long serialVersionUID = 1L;
        private long sum;
        private long count;

        @Override
        public void open(StateDataViewStore store) {}

        @Override
        public void setAccumulators(Long slice, RowData accumulators) {
            sum = accumulators.getLong(0);
            count = accumulators.getLong(1);
        }

        @Override
        public void accumulate(RowData row) {
            sum += row.getLong(1);
            count++;
        }

        @Override
        public void retract(RowData row) {
            throw new UnsupportedOperationException("The stream only grows");
        }

        @Override
        public void merge(Long slice, RowData other) {
            sum += other.getLong(0);
            count += other.getLong(1);
        }

        @Override
        public RowData createAccumulators() {
            return GenericRowData.of(0L, 0L);
        }

        @Override
        public RowData getAccumulators() {
            return GenericRowData.of(sum, count);
        }

        @Override
        public RowData getValue(Long slice) {
            OperatorTask.beforeResult();
            return GenericRowData.of(sum, count, slice);
        }

        @Override
        public void cleanup(Long slice) {}

        @Override
        public void close() {}
    }
}
