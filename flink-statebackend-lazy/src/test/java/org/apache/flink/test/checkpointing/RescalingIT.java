package org.apache.flink.test.checkpointing;

import io.lazystate.backend.SuiteMode;
import io.lazystate.backend.SuiteTally;
import java.util.Arrays;
import java.util.Collection;
import org.apache.flink.testutils.junit.extensions.parameterized.Parameters;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * Flink's cases for jobs that start from a savepoint with another parallelism, in every loading
 * mode. The savepoints are canonical, so a restore reads them whole.
 */
class RescalingIT extends RescalingITCase {
    @RegisterExtension static final SuiteTally TALLY = new SuiteTally(new SuiteTally.Cases(12, 0));

    /** Hides that of the base. */
    @Parameters(name = "{0}")
    private static Collection<Object[]> data() {
        return Arrays.stream(SuiteMode.values())
                .map(mode -> new Object[] {mode.factory()})
                .toList();
    }
}
