package org.apache.flink.test.state;

import io.lazystate.backend.SuiteMode;
import io.lazystate.backend.SuiteTally;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend.PriorityQueueStateType;
import org.apache.flink.test.state.BackendSwitchSpecs.BackendSwitchSpec;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameters;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Flink's case for moving from one backend to another by a canonical savepoint: from ours to ours
 * and to each of Flink's and back, with timers on the heap and in RocksDB, in every loading mode.
 */
class SavepointSwitchIT extends SavepointStateBackendSwitchTestBase {
    private static final int OURS = 2;
    private static final int FLINKS = 3;

    @RegisterExtension
    static final SuiteTally TALLY =
            new SuiteTally(
                    new SuiteTally.Cases(OURS * (OURS + FLINKS) + FLINKS * OURS, 0),
                    SuiteTally.FAULTS,
                    SuiteTally.COLD_WRITES);

    private final BackendSwitchSpec from;
    private final BackendSwitchSpec to;

    /** The parameters; the mode is for the name. */
    SavepointSwitchIT(SuiteMode mode, BackendSwitchSpec from, BackendSwitchSpec to) {
        super(from, to);
        this.from = from;
        this.to = to;
    }

    @AfterEach
    void disposeBackends() throws Exception {
        from.close();
        to.close();
    }

    @Parameters(name = "{0} from {1} to {2}")
    private static List<Object[]> directions() {
        List<BackendSwitchSpec> flinks =
                List.of(
                        BackendSwitchSpecs.HEAP,
                        BackendSwitchSpecs.ROCKS,
                        BackendSwitchSpecs.ROCKS_HEAP_TIMERS);
        List<Object[]> directions = new ArrayList<>();
        for (SuiteMode mode : SuiteMode.values()) {
            for (BackendSwitchSpec from : ours(mode)) {
                ours(mode).forEach(to -> directions.add(new Object[] {mode, from, to}));
                flinks.forEach(to -> directions.add(new Object[] {mode, from, to}));
            }
            for (BackendSwitchSpec from : flinks) {
                ours(mode).forEach(to -> directions.add(new Object[] {mode, from, to}));
            }
        }
        return directions;
    }

    private static List<LazySpec> ours(SuiteMode mode) {
        return Arrays.stream(PriorityQueueStateType.values())
                .map(timers -> new LazySpec(TALLY, mode, timers))
                .toList();
    }
}
