package io.lazystate.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.InternalPriorityQueue;
import org.apache.flink.runtime.state.InternalPriorityQueueTestBase;
import org.apache.flink.runtime.state.KeyGroupedInternalPriorityQueue;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Flink's suite for priority queues, on timer queues with a past: filled, restored, emptied and
 * restored again. In mode LAZY the suite works over cold elements and their cold removals, whose
 * pages the restore has preloaded as heads: queues this short cause no fault.
 *
 * <p>Not on a queue that it empties itself: Flink's iterator over a queue starts behind what was
 * polled last, and misses earlier elements that were added since.
 */
class FlinkPriorityQueueSuiteTest {
    @RegisterExtension
    static final SuiteTally TALLY =
            new SuiteTally(new SuiteTally.Cases(8, 0), SuiteTally.PAGES, SuiteTally.COLD_WRITES);

    private static final int ELEMENTS = 500;

    @TempDir static Path checkpoints;

    @Nested
    class Eager extends Suite {
        Eager() {
            super(SuiteMode.EAGER);
        }
    }

    @Nested
    class Lazy extends Suite {
        Lazy() {
            super(SuiteMode.LAZY);
        }
    }

    @Nested
    class Hybrid extends Suite {
        Hybrid() {
            super(SuiteMode.HYBRID);
        }
    }

    /** The suite in one mode; every case has a queue and a backend of its own. */
    abstract static class Suite extends InternalPriorityQueueTestBase {
        private final SuiteMode mode;
        private final TestTask.Start start;
        private TestTask task;

        Suite(SuiteMode mode) {
            Configuration config = TALLY.config(mode);
            config.set(RocksDBOptions.TIMER_SERVICE_FACTORY, PriorityQueueStateType.ROCKSDB);
            this.mode = mode;
            this.start = new TestTask.Start(checkpoints, config);
        }

        @BeforeEach
        void restoreEmptied() throws Exception {
            TestJobManager jobManager = new TestJobManager();
            KeyedStateHandle handle;
            try (TestTask filling = TestTask.start(start)) {
                KeyGroupedInternalPriorityQueue<TestElement> queue = queue(filling);
                for (long i = 0; i < ELEMENTS; i++) {
                    queue.add(new TestElement(i, i));
                }
                handle = filling.checkpoint(1, jobManager);
            }
            try (TestTask emptying = restore(handle)) {
                KeyGroupedInternalPriorityQueue<TestElement> queue = queue(emptying);
                for (long i = 0; i < ELEMENTS; i++) {
                    assertThat(queue.poll()).isEqualTo(new TestElement(i, i));
                }
                handle = emptying.checkpoint(2, jobManager);
            }
            task = restore(handle);
        }

        private TestTask restore(KeyedStateHandle handle) throws Exception {
            TestTask restored = TestTask.restore(start, List.of(handle));
            TALLY.count(mode, restored.metrics());
            return restored;
        }

        @AfterEach
        void close() {
            task.close();
        }

        @Override
        protected InternalPriorityQueue<TestElement> newPriorityQueue(int initialCapacity) {
            KeyGroupedInternalPriorityQueue<TestElement> queue = queue(task);
            assertThat(queue.isEmpty()).isTrue();
            return queue;
        }

        @Override
        protected boolean testSetSemanticsAgainstDuplicateElements() {
            return true;
        }

        private static KeyGroupedInternalPriorityQueue<TestElement> queue(TestTask task) {
            return task.backend().create("queue", TestElementSerializer.INSTANCE);
        }
    }
}
